"""What seats see of a state, one file each: egocentric (occluded, for seats that turn), centred, whole
grid; and each of them as RGB pixels.
"""

from typing import Protocol, runtime_checkable

from jax import Array
from jaxtyping import Bool, PyTree, UInt8

from socialrl_envs.types import State
from socialrl_envs.visibility import ViewSpec


@runtime_checkable
class View(Protocol):
    """Views of all seats, uint8 (N, V, V, C)."""

    @property
    def spec(self) -> ViewSpec:
        """Which cells a seat sees."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names along C: those of the P tile planes first."""
        ...

    @property
    def channels_of_others(self) -> tuple[str, ...]:
        """The channels in which other seats appear."""
        ...

    @property
    def binary(self) -> bool:
        """Whether every entry is 0 or 1."""
        ...

    @property
    def highs(self) -> tuple[int, ...]:
        """The highest entry of each channel; () if every entry is 0 or 1."""
        ...

    @property
    def prestige_decay(self) -> float | None:
        """The factor by which prestige decays per step, None if the view does not show prestige."""
        ...

    def prepare(self, planes: Bool[Array, "P H W"]) -> PyTree:
        """What is derived from the tile planes once, when a level is made; kept as `Level.view`."""
        ...

    def observe(
        self, state: State, planes: Bool[Array, "P H W"], shown: Bool[Array, "N P"] | None
    ) -> UInt8[Array, "N V V C"]:
        """The views. shown: which planes each seat is shown, None for all. An absent seat sees zeros."""
        ...
