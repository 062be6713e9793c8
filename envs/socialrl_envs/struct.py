"""Frozen, keyword-only dataclasses that are JAX pytrees."""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A dataclass field that belongs to the tree's structure: hashable, and not traced."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field, static))
def pytree(cls: type[T]) -> type[T]:
    """The class as a frozen, keyword-only dataclass that is registered as a pytree node; a class decorator.

    Since JAX also fills trees with shapes and placeholders, a tree is rebuilt without calling `__init__`,
    whose checks these would fail.
    """
    frozen = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    fields: list[dataclasses.Field[Any]] = list(dataclasses.fields(frozen))  # pyright: ignore[reportArgumentType]
    leaves = tuple(field.name for field in fields if not field.metadata.get("static"))
    statics = tuple(field.name for field in fields if field.metadata.get("static"))

    def flatten(tree: object) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(tree, name) for name in leaves), tuple(getattr(tree, name) for name in statics)

    def flatten_with_keys(tree: object) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        children, aux = flatten(tree)
        return tuple(zip(map(jax.tree_util.GetAttrKey, leaves), children, strict=True)), aux

    def unflatten(aux: tuple[Any, ...], children: Iterable[object]) -> Any:
        tree = object.__new__(frozen)
        for name, value in zip((*leaves, *statics), (*children, *aux), strict=True):
            object.__setattr__(tree, name, value)
        return tree

    jax.tree_util.register_pytree_with_keys(frozen, flatten_with_keys, unflatten, flatten)
    return frozen


replace = dataclasses.replace
