"""Inverse RL: are the preferences that a novice infers of its co-players the true ones?

The learner sees held-out episodes of the co-players and values every step by each co-player's inferred
preferences. It never sees their rewards; the protocol does, and compares. Behaviour determines a reward only
up to scale and an offset,
so both are removed: by correlation, and by regressing the inferred rewards on the cumulants.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key

from socialrl import evaluation
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import check_preferences, parameter, scheduled
from socialrl.record import labels
from socialrl.recording import demonstrated
from socialrl.rollout import make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import RewardInference
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option

STREAM = 0x1E71  # of keys, so that the levels differ from those of the experiment's own evaluations


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of inverse_rl."""

    kind: ClassVar[str] = labels.InverseRL.kind
    needs: ClassVar[str] = "a learner that infers rewards, such as psiphi, beside co-players with preferences"

    episodes: int = option(
        128, "held-out episodes that are demonstrated, per seed, all co-players present throughout", low=1
    )

    def count(self, study: Study) -> int:
        """Co-players and their mean; 0 if the learner infers no rewards."""
        check_preferences(study.world, (), "inverse_rl")
        if not study.world.spec.coplayers:
            raise SocialRLError("inverse_rl: nobody has preferences to infer", "add experts to the world")
        return 0 if study.learner.capability(RewardInference) is None else len(study.world.spec.coplayers) + 1

    def run(self, study: Study) -> Iterator[tuple[labels.InverseRL, PerSeed]]:
        """Yields labels and the measures of `measures`; of a co-player also found/<cumulant> and
        true/<cumulant>.
        """
        if not self.count(study):
            return
        spec, seeds = study.world.spec, study.seeds
        infer = seeds.map(lambda state, key: self.measured(study, state, key), 2)
        by_seed = seeds.unbundle(infer(study.states, study.keys(STREAM)))
        for agent in (*(spec.agents[seat] for seat in spec.coplayers), labels.ALL):
            yield labels.InverseRL(agent), seeds.bundle([found[agent] for found in by_seed])

    def measured(self, study: Study, state: LearnerState, key: Key[Array, ""]) -> dict[str, dict[str, Array]]:
        """Measures by co-player, and their means under ALL, of one seed."""
        world, spec, inference = study.world, study.world.spec, study.learner.capability(RewardInference)
        assert inference is not None
        preferences = jnp.asarray(parameter(world, "preferences"))
        overrides = {"presence": scheduled(world, "always", spec.coplayers), "preferences": preferences}
        trace = evaluation.trace(make_rollout(world, study.learner), state, key, self.episodes, overrides)
        steps = demonstrated(trace, world, spec.coplayers)
        inferred, mask = inference.infer_rewards(state, steps), steps.present.reshape(-1)
        cumulants = trace.outcome.cumulants[:, :, np.array(spec.coplayers)].reshape(-1, len(spec.cumulants))
        found = {}
        for number, seat in enumerate(spec.coplayers):
            own = measures(inferred[..., 1 + number].reshape(-1), cumulants, preferences[seat], mask)
            weights = {"found": own.pop("weights"), "true": preferences[seat]}
            found[spec.agents[seat]] = own | {
                f"{word}/{cumulant}": vector[k]
                for k, cumulant in enumerate(spec.cumulants)
                for word, vector in weights.items()
            }
        means = {
            name: jnp.mean(jnp.stack([one[name] for one in found.values()]))
            for name in ("correlation", "cosine")
        }
        return found | {labels.ALL: means}


def measures(
    inferred: Float32[Array, " T"],
    cumulants: Float32[Array, "T K"],
    preferences: Float32[Array, " K"],
    mask: Bool[Array, " T"],
) -> dict[str, Array]:
    """How well inferred rewards agree with the true ones, cumulants @ preferences, over the steps of the
    mask.

    correlation: Pearson's, of the two rewards. weights (K,): coefficients of the least-squares fit of the
    inferred
    rewards by an offset and the cumulants, scaled to the length of the preferences. cosine: of weights and
    preferences.
    """
    weight = mask.astype(jnp.float32)
    total = jnp.sum(weight)

    def centred(x: Float32[Array, "T *K"]) -> Float32[Array, "T *K"]:
        return (x - jnp.einsum("t,t...->...", weight, x) / total) * weight.reshape(-1, *(1,) * (x.ndim - 1))

    x, y, columns = centred(inferred), centred(cumulants @ preferences), centred(cumulants)
    gram = columns.T @ columns
    ridge = (
        1e-6 * total * jnp.eye(len(preferences), dtype=jnp.float32)
    )  # for cumulants that are never non-zero
    weights = jnp.linalg.solve(gram + ridge, columns.T @ x)
    return {
        "correlation": cosine(x, y),
        "cosine": cosine(weights, preferences),
        "weights": weights * length_ratio(preferences, weights),
    }


def cosine(a: Float32[Array, " n"], b: Float32[Array, " n"]) -> Float32[Array, ""]:
    """The cosine of the angle between two vectors; 0 if one of them is 0."""
    return jnp.sum(a * b) / jnp.maximum(jnp.linalg.norm(a) * jnp.linalg.norm(b), 1e-12)


def length_ratio(target: Float32[Array, " n"], vector: Float32[Array, " n"]) -> Float32[Array, ""]:
    """The factor by which a vector gets the length of the target."""
    return jnp.linalg.norm(target) / jnp.maximum(jnp.linalg.norm(vector), 1e-12)
