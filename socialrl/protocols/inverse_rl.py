"""Inverse RL, measured: is what a novice believes of the others' preferences true?

The novice watches held-out episodes of its co-players and says of every step what it would be worth to each
of them, by their inferred preferences. It never sees their rewards; the experimenter does, and compares.
Behaviour tells a reward up to scale and an offset per step, so both are fitted away: by correlation, and by
regressing the inferred rewards on what happened.

Labels of a record: `agent`, a co-player, or "all" for the means over them. Learners that infer no preferences
have no records.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key

from socialrl import evaluation
from socialrl.protocols import Study
from socialrl.recording import demonstrated
from socialrl.rollout import make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import RewardInference
from socialrl_envs import presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.world import require

STREAM = (
    0x1E71  # folded into a seed's key, so that the levels are new to the experiment's own evaluations too
)
ALL = "all"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of inverse_rl.

    episodes: held-out ones that are watched, per seed; all co-players are there throughout.
    """

    kind: ClassVar[str] = "inverse_rl"

    episodes: int = 128

    def __post_init__(self) -> None:
        require(self.episodes >= 1, "episodes", self.episodes, "at least 1")

    def run(self, study: Study) -> Iterator[tuple[dict[str, Any], PerSeed]]:
        """Yields labels and a bundle of measures by name, see `measures`."""
        spec, seeds = study.world.spec, study.seeds
        if "preferences" not in study.world.numbers or not spec.coplayers:
            raise SocialRLError(
                f"inverse_rl: nobody has preferences to infer in {spec.name}", "use it with coin_grid"
            )
        if study.learner.capability(RewardInference) is None:
            return
        keys = seeds.bundle([jax.random.fold_in(root, STREAM) for root in seeds.unbundle(study.roots)])
        found = seeds.map(lambda state, key: self.watch(study, state, key), 2)(study.states, keys)
        by_agent = [seeds.unbundle(found)[seed] for seed in range(seeds.count)]
        for agent in (*(spec.agents[seat] for seat in spec.coplayers), ALL):
            yield {"agent": agent}, seeds.bundle([one[agent] for one in by_agent])

    def watch(self, study: Study, state: Any, key: Key[Array, ""]) -> dict[str, dict[str, Array]]:
        """Measures of every co-player by name, and their means, of one seed."""
        world, spec, seats = study.world, study.world.spec, np.array(study.world.spec.coplayers)
        numbers = {name: jnp.asarray(world.numbers[name]) for name in ("presence", "preferences")}
        always = jnp.array(presence.SCHEDULES["always"], jnp.float32)
        numbers["presence"] = numbers["presence"].at[seats].set(always)
        rollout = make_rollout(world, study.learner)
        trace = evaluation.trace(rollout, state, key, self.episodes, numbers)
        steps = demonstrated(trace, world, spec.coplayers)
        inference = study.learner.capability(RewardInference)
        assert inference is not None
        believed = inference.infer_rewards(state, steps)
        events, there = (
            trace.outcome.events[:, :, seats].reshape(-1, len(spec.cumulants)),
            steps.present.reshape(-1),
        )
        found = {}
        for number, seat in enumerate(spec.coplayers):
            inferred = believed[..., 1 + number].reshape(-1)
            measured = measures(inferred, events, numbers["preferences"][seat], there)
            worths = zip(spec.cumulants, measured.pop("worth"), numbers["preferences"][seat], strict=True)
            named = {
                f"{word}/{name}": x
                for name, *pair in worths
                for word, x in zip(("found", "true"), pair, strict=True)
            }
            found[spec.agents[seat]] = measured | named
        means = {
            name: jnp.mean(jnp.stack([one[name] for one in found.values()]))
            for name in ("correlation", "cosine")
        }
        return found | {ALL: means}


def measures(
    inferred: Float32[Array, " T"],
    events: Float32[Array, "T K"],
    preferences: Float32[Array, " K"],
    there: Bool[Array, " T"],
) -> dict[str, Array]:
    """How far the inferred rewards of steps are the true ones, events . preferences, over the steps that
    count.

    correlation: Pearson's, of both. cosine: of the preferences with `worth` (K,), the coefficients of the
    least squares fit of the inferred rewards by an offset and the events, which is given with the length of
    the preferences.
    """
    weight = there.astype(jnp.float32)
    total = jnp.sum(weight)

    def centred(x: Array) -> Array:
        return (x - jnp.einsum("t,t...->...", weight, x) / total) * weight.reshape(-1, *(1,) * (x.ndim - 1))

    x, y, columns = centred(inferred), centred(events @ preferences), centred(events)
    gram = columns.T @ columns
    ridge = 1e-6 * total * jnp.eye(len(preferences), dtype=jnp.float32)  # for what never happened
    worth = jnp.linalg.solve(gram + ridge, columns.T @ x)
    return {
        "correlation": cosine(x, y),
        "cosine": cosine(worth, preferences),
        "worth": worth * length(preferences, worth),
    }


def cosine(a: Array, b: Array) -> Array:
    """Of the angle between two vectors; 0 if one of them is 0."""
    return jnp.sum(a * b) / jnp.maximum(jnp.linalg.norm(a) * jnp.linalg.norm(b), 1e-12)


def length(like: Array, vector: Array) -> Array:
    """What a vector is to be multiplied by to be as long as another one."""
    return jnp.linalg.norm(like) / jnp.maximum(jnp.linalg.norm(vector), 1e-12)
