"""Self-play on some levels, cross-play for the opposite of the reward on the others: an agent learns to get
on with itself and not with those who came before it.

On a share of the levels the first novice meets the co-players, other agents, and what is worth 1 to it
elsewhere is worth -weight; the other novices are absent there. On all other levels the novices are among
themselves, and the co-players absent. In expectation the return is

    (1 - share) * self-play return - share * weight * cross-play return,

self-play against cross-play as in BRDiv (Rahman et al., 2023). Arms that learn so one after the other, each
beside those before it (`Arm.partners`), as in CoMeDi (Sarkar et al., 2023), are agents of different
conventions. CoMeDi's mixed play is left out: an agent may learn to tell by the other's behaviour that it is
to spoil the game, and spoil it.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key, PyTree

from socialrl.curricula import Curriculum
from socialrl.types import Overrides
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of cross_play."""

    share: float = option(
        0.5, "share of levels on which the first novice meets the co-players", low=0, high=1
    )
    weight: float = option(0.5, "what it pays there for what it is paid for elsewhere", low=0)

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError unless it has two novices, a co-player, and
        preferences.
        """
        novices, coplayers = world.spec.novices, world.spec.coplayers
        if len(novices) < 2 or not coplayers or "preferences" not in world.params.named():
            raise SocialRLError(
                f"cross_play: {world.spec.name} with {len(novices)} novices and {len(coplayers)} co-players",
                "it needs two novices, a co-player, and preferences: novices=2, experts=1 in rendezvous",
            )
        wants, schedule = jnp.asarray(world.params.named()["preferences"]), world.params.presence
        away, here = jnp.array(SCHEDULES["never"]), jnp.array(SCHEDULES["always"])
        others = jnp.array(novices[1:])
        among = schedule.at[jnp.array(coplayers)].set(away)
        across = schedule.at[others].set(away).at[jnp.array(coplayers)].set(here)
        spoilt = wants.at[jnp.array(novices)].multiply(-self.weight)

        def overrides(state: PyTree, steps: Int32[Array, ""], key: Key[Array, ""]) -> Overrides:
            cross = jax.random.uniform(key) < self.share
            return {
                "presence": jnp.where(cross, across, among),
                "preferences": jnp.where(cross, spoilt, wants),
            }

        return Curriculum(
            init=lambda: (), overrides=overrides, update=lambda state, measure, key: (state, {})
        )
