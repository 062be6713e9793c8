"""How far a novice is from a planner in its seat, and from a random walker: greedy episodes on held-out
levels.

The planner knows the world, whatever the novice cannot see of it, and has the novice's own preferences; the
walker draws actions uniformly. Both take all novices' seats, on the same levels beside the same company.

    regret = planner_return - return
    regret_per_step = planner_return / planner_steps - return / steps
    score = (return - walker_return) / (planner_return - walker_return)

steps: the mean length of an episode; where all take the whole time, regret_per_step is regret / horizon.
A score of 0 is that of the walker, 1 that of the planner. The planner goes for one goal after the other and
ignores the other seats, so it is competent, not optimal: a score can be above 1.

cumulants/<name>, planner/<name>, walker/<name>: sums of a cumulant over an episode, per novice, of all three.
Under a condition they are shares given it, such as arrivals given that there is a flood.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Key

from socialrl import evaluation
from socialrl.passive import passive_learner
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import Overrides
from socialrl.protocols._planners import with_planners, with_walkers
from socialrl.protocols.following import in_words, overrides_of
from socialrl.record import labels
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Metrics
from socialrl_envs.options import Options, option, require

STREAM = 0x4E647  # of keys, so that the levels are new


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of regret."""

    kind: ClassVar[str] = labels.Regret.kind
    needs: ClassVar[str] = "a novice"

    episodes: int = option(256, "held-out episodes per seed and condition", low=1)
    conditions: tuple[dict[str, float], ...] = option(
        ({},), "overridden parameters of the level, such as flood 1.0; {} is the world of the arm's training"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.conditions) > 0, "conditions", self.conditions, "at least one, such as {}")

    def count(self, study: Study) -> int:
        """One per condition."""
        for condition in self.conditions:
            overrides_of(study.world, condition)
        return len(self.conditions)

    def run(self, study: Study) -> Iterator[tuple[labels.Regret, PerSeed]]:
        """Yields labels and the measures of the module's docstring."""
        world, keys = study.world, study.keys(STREAM)
        learned = make_rollout(world, study.learner)
        nobody = passive_learner(world.spec)
        others = {
            "planner": make_rollout(with_planners(world), nobody),
            "walker": make_rollout(with_walkers(world), nobody),
        }

        def evaluate(state: LearnerState, key: Key[Array, ""], overrides: Overrides) -> dict[str, Array]:
            trace = evaluation.trace(learned, state, key, self.episodes, overrides)
            own = evaluation.summarise(trace, world.spec)
            found = happened(own, "cumulants") | {"steps": steps_of(trace)}
            for name, rollout in others.items():
                trace = evaluation.trace(rollout, (), key, self.episodes, overrides)
                theirs = evaluation.summarise(trace, world.spec)
                found |= {f"{name}_return": theirs["return"], f"{name}_steps": steps_of(trace)}
                found |= happened(theirs, name)
            found |= scores(own["return"], found["planner_return"], found["walker_return"])
            rates = found["planner_return"] / found["planner_steps"], found["return"] / found["steps"]
            return found | {"regret_per_step": rates[0] - rates[1]}

        program = study.seeds.map(evaluate, 2)
        for condition in self.conditions:
            overrides = overrides_of(world, condition)
            yield labels.Regret(in_words(condition)), program(study.states, keys, overrides)


def steps_of(trace: Trace) -> Array:
    """The mean length of the episodes."""
    return jnp.mean(jnp.sum(trace.alive, axis=0, dtype=jnp.float32))


def happened(summary: Metrics, name: str) -> dict[str, Array]:
    """The sums of the cumulants, by `<name>/<cumulant>`."""
    own = "cumulants/"
    return {f"{name}/{key.removeprefix(own)}": value for key, value in summary.items() if key.startswith(own)}


def scores(own: Array, planner: Array, walker: Array) -> dict[str, Array]:
    """return, regret, and score, which is NaN where the planner is not above the walker."""
    room = planner - walker
    score = jnp.where(room > 0, (own - walker) / jnp.where(room > 0, room, 1.0), jnp.nan)
    return {"return": own, "regret": planner - own, "score": score}
