"""The rules of a curriculum, one function each."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.conformance._compare import alike, expect_finite, expect_same_shapes, same
from socialrl.curricula import Curriculum, Draw
from socialrl_envs.types import World


def overrides_fit_the_world(curriculum: Curriculum, world: World) -> None:
    """`overrides` gives parameters that the world's levels have, with their shapes, and levels can be drawn
    with them.
    """
    state = curriculum.init()
    found = curriculum.overrides(state, jnp.int32(0), jax.random.key(0))
    for name, value in found.items():
        assert name in world.params.named(), f"the levels of {world.spec.name} have no parameter {name}"
        shape = np.shape(world.params.named()[name])
        assert jnp.shape(value) == shape, f"{name} is {jnp.shape(value)}, not {shape}"
        assert np.all(np.isfinite(value)), f"{name} is {value}"
    usual, drawn = world.sample_level(jax.random.key(1)), world.sample_level(jax.random.key(1), found)
    assert jax.tree.structure(usual) == jax.tree.structure(drawn), "the structure of the level changes"


def overrides_are_pure(curriculum: Curriculum, world: World) -> None:
    """`overrides` gives one result for one key, and under vmap what it gives key by key."""
    state, keys = curriculum.init(), jax.random.split(jax.random.key(2), 3)

    def draw(key: Key[Array, ""]) -> PyTree:
        return curriculum.overrides(state, jnp.int32(10), key)

    one, again = (jax.jit(lambda keys: jax.vmap(draw)(keys))(jax.random.clone(keys)) for _ in range(2))
    assert same(one, again), "overrides gives two results for one key"
    alone = draw(jax.random.clone(keys)[1])
    for name, value in alone.items():
        assert alike(value, one[name][1]), f"{name} under vmap is not that of its key alone"


def update_keeps_the_state(curriculum: Curriculum, world: World) -> None:
    """`update` can be traced, keeps the structure, shapes and dtypes of the state, and reports finite
    scalars.
    """

    def measure(draw: Draw, key: Key[Array, ""]) -> Float32[Array, " N"]:
        level_key, return_key = jax.random.split(key)
        world.sample_level(level_key, draw(jax.random.clone(level_key)))
        return jax.random.uniform(return_key, (len(world.spec.seats),))

    state = curriculum.init()
    update = jax.jit(lambda state, key: curriculum.update(state, measure, key))
    for number in range(3):
        after, metrics = update(state, jax.random.fold_in(jax.random.key(3), number))
        expect_same_shapes(state, after, "state")
        expect_finite(metrics)
        state = after
    overrides_fit_the_world(curriculum._replace(init=lambda: state), world)


CURRICULUM_RULES: tuple[Callable[[Curriculum, World], None], ...] = (
    overrides_fit_the_world,
    overrides_are_pure,
    update_keeps_the_state,
)
