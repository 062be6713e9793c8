"""PAIRED: an adversary builds the levels on which one of two learners does better than the other (Dennis et
al., NeurIPS 2020, arXiv 2012.02096).

It places items, seats and walls, and chooses when each co-player is there, see `generators.building`. The
arm's learner is the protagonist; a second one of the same kind, the antagonist, learns on the same levels.
The adversary is paid the regret of the level,

    regret = max over the antagonist's episodes of their return - mean of the protagonist's,

as the paper estimates it; or with `regret="mean"` both are means. Returns are discounted by the learner's
gamma, so that a level that takes less time to solve has more regret: the paper's worlds take off for time.

No level is ever one that cannot be solved: a wall that would make it so is not built. An adversary may
collapse all the same. `paired/regret` near 0: neither learner does better; `paired/entropy`, as a share of
the highest, near 0: one and the same level; `paired/refused` near 1: choices that build nothing.
`paired/unknown` is the share of levels on which one of the two has ended no episode, whose regret counts as
0: make `unrolls` times `unroll_length` the horizon. The report says so in each case.

Environment steps are the protagonist's. The antagonist takes as many, which are not counted. What the world
draws besides, such as headings, skills and preferences, remains drawn.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Key

from socialrl.curricula import Choice, Chooser, Curriculum, Results, Shelf, choosing
from socialrl.curricula._adversary import Adversary, AdversaryConfig, AdversaryState, Builds
from socialrl.curricula._design import DESIGNS
from socialrl.types import Metrics
from socialrl_envs.errors import unknown
from socialrl_envs.generators.building import builder
from socialrl_envs.options import option, require
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AdversaryConfig):
    """Options of paired."""

    designs: str = option(
        "walls",
        "what the adversary designs: walls, with items and starts; company: when each co-player is there; "
        "both. What is not designed is drawn as the world draws it",
        choices=DESIGNS,
    )
    walls: int = option(50, "choices for a wall, where walls are designed", low=0)
    presence: tuple[str, ...] = option(
        ("always", "never"), "schedules of presence among which it chooses, where company is designed"
    )
    regret: Literal["max", "mean"] = option(
        "max", "of the antagonist's episodes on a level the best, or their mean", choices=("max", "mean")
    )
    unrolls: int = option(
        1, "unrolls for which a level is played before the next is built; at least a whole episode", low=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.hidden) > 0, "hidden", self.hidden, "one positive size per layer")
        require(len(self.presence) > 0, "presence", self.presence, "at least one schedule")
        for name in self.presence:
            if name not in SCHEDULES:
                raise unknown("presence", name, SCHEDULES)

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError if its levels cannot be built choice by choice,
        or if company is designed where there is none.
        """
        company = self.designs != "walls"
        if company:
            count = len(world.spec.coplayers)
            require(count > 0, "designs", self.designs, "walls, for nobody else lives in this world")
        build = builder(world, tuple(SCHEDULES[name] for name in self.presence) if company else ())
        placing = build.items + build.seats
        first = placing if self.designs == "company" else 0
        last = build.before_walls + (0 if self.designs == "company" else self.walls)
        return choosing(Paired(self, world, Adversary(self, build, first, last)).chooser())


@pytree
class PairedState:
    """The adversary, the levels of its last round (B, ...), and their regrets, -inf before the first."""

    adversary: AdversaryState
    levels: Level
    regret: Float32[Array, " B"]


class Paired:
    """The functions of the curriculum for one world."""

    def __init__(self, config: Config, world: World, adversary: Adversary):
        self.config, self.world, self.adversary = config, world, adversary

    def chooser(self) -> Chooser:
        """The Chooser of these functions."""
        return Chooser(
            init=self.init,
            choose=self.choose,
            learn=self.learn,
            shelf=lambda state: Shelf(
                levels=state.levels,
                score=state.regret,
                replayed=jnp.zeros(state.regret.shape, jnp.int32),
            ),
            unrolls=self.config.unrolls,
            rival=True,
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> PairedState:
        """The state at the start of training."""
        shapes = jax.eval_shape(self.world.sample_level, jax.random.key(0))
        return PairedState(
            adversary=self.adversary.init(key),
            levels=jax.tree.map(lambda x: jnp.zeros((num_envs, *x.shape), x.dtype), shapes),
            regret=jnp.full(num_envs, -jnp.inf, jnp.float32),
        )

    def choose(self, state: PairedState, key: Key[Array, ""], num_envs: int) -> Choice:
        """Levels that the adversary builds; all of them train."""
        levels, builds = self.adversary.built(state.adversary, key, num_envs)
        return Choice(levels=levels, trains=jnp.ones(num_envs, bool), notes=builds)

    def learn(
        self, state: PairedState, choice: Choice, results: Results, key: Key[Array, ""]
    ) -> tuple[PairedState, Metrics]:
        """The adversary after it was paid the regrets, and metrics."""
        builds: Builds = choice.notes
        regret = regret_of(results, self.config.regret)
        adversary, found = self.adversary.update(state.adversary, builds, regret, key)
        walls = max(self.adversary.build.before_walls - self.adversary.first, 0)
        chosen = builds.built[walls:] if walls < len(builds.built) else jnp.ones((1, 1), bool)
        metrics = {
            "regret": jnp.mean(regret),
            "unknown": jnp.mean((~known(results)).astype(jnp.float32)),
            "antagonist": jnp.mean(mean_return(results.rival)),
            "protagonist": jnp.mean(mean_return(results)),
            "refused": jnp.mean((~chosen).astype(jnp.float32)),
        }
        after = PairedState(adversary=adversary, levels=choice.levels, regret=regret)
        return after, {f"paired/{name}": value for name, value in (metrics | found).items()}


def regret_of(results: Results, kind: str) -> Float32[Array, " B"]:
    """The regret of each level, see the module's docstring; 0 where one of the two has ended no episode."""
    rival: Results = results.rival
    best = rival.best if kind == "max" else mean_return(rival)
    return jnp.where(known(results), best - mean_return(results), 0.0)


def known(results: Results) -> Bool[Array, " B"]:
    """Whether both learners have ended an episode on a level."""
    return (results.rival.episodes > 0) & (results.episodes > 0)


def mean_return(results: Results) -> Float32[Array, " B"]:
    """The mean discounted return of the episodes on each level; 0 where none ended."""
    return results.discounted / jnp.maximum(results.episodes, 1.0)
