"""Goal inference: how many episodes of a newcomer must be seen to know what it wants?

The first co-player gets preferences that no task of training had; it is the newcomer. The learner sees a few
of its episodes and infers its goal. Measured are the prediction of its actions in held-out episodes, the
inferred reward (as in `inverse_rl`), and what a novice earns by the newcomer's preferences if it acts for the
inferred goal. The control is the same inference from untrained parameters.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl import evaluation
from socialrl.losses.policy import cloning_loss
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import Overrides, check_preferences, parameter, scheduled, with_preferences
from socialrl.protocols.few_shot import Preferences, check_tasks
from socialrl.protocols.inverse_rl import measures
from socialrl.record import labels
from socialrl.recording import demonstrated
from socialrl.rollout import make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Demonstration, GoalInference, RewardInference
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option

SHOWN, HELD_OUT, FRESH = (
    0x60A1,
    0x60A2,
    0x60A3,
)  # streams of keys: demonstrated and held-out episodes, parameters


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of goal_inference."""

    kind: ClassVar[str] = labels.GoalInference.kind
    needs: ClassVar[str] = "a learner that infers goals, such as basis, beside co-players with preferences"

    preferences: Preferences | None = option(
        None, "preferences of newcomers, a vector each; None: the sum of all cumulants, and its opposite"
    )
    shots: tuple[int, ...] = option(
        (0, 1, 10, 100), "episodes of the newcomer that are seen before each inference, ascending", low=0
    )
    episodes: int = option(64, "held-out episodes of each evaluation, per seed", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tasks(self.preferences, self.shots)

    def count(self, study: Study) -> int:
        """Newcomers x two methods x shots; 0 if the learner infers no goals."""
        newcomers = self.newcomers(study)
        return 0 if study.learner.capability(GoalInference) is None else 2 * len(newcomers) * len(self.shots)

    def newcomers(self, study: Study) -> Preferences:
        """The newcomers' preferences; raises SocialRLError if they do not fit the world."""
        check_preferences(study.world, self.preferences or (), "goal_inference")
        if not study.world.spec.coplayers:
            raise SocialRLError(
                "goal_inference: no co-player can be the newcomer", "add an expert to the world"
            )
        if self.preferences is not None:
            return self.preferences
        cumulants = parameter(study.world, "preferences").shape[1]
        return (1.0,) * cumulants, (-1.0,) * cumulants

    def run(self, study: Study) -> Iterator[tuple[labels.GoalInference, PerSeed]]:
        """Yields labels and the measures of `measured`."""
        if not self.count(study):
            return
        seeds, learner = study.seeds, study.learner
        init = seeds.map(lambda key: learner.init(key, study.experiment.unroll_length, 1), 1)
        fresh = init(study.keys(FRESH))
        with_params = seeds.map(lambda state, fresh: dataclasses.replace(fresh, params=state.params), 2)
        methods = {"pre-trained": with_params(study.states, fresh), "untrained": fresh}
        keys = study.keys(SHOWN), study.keys(HELD_OUT)
        infer = seeds.map(lambda *arguments: self.measured(study, *arguments), 3)
        for preference in self.newcomers(study):
            wanted = jnp.array(preference, jnp.float32)
            for method, states in methods.items():
                for shots in self.shots:
                    condition = labels.GoalInference(preference, method, shots)
                    yield condition, infer(states, *keys, wanted, jnp.int32(shots))

    def measured(
        self,
        study: Study,
        state: LearnerState,
        shown_key: Key[Array, ""],
        held_out_key: Key[Array, ""],
        preference: Float32[Array, " K"],
        shots: Int32[Array, ""],
    ) -> dict[str, Array]:
        """Scalars by name, of one seed.

        foreseen: share of the newcomer's held-out actions that have the highest predicted probability. nats:
        the mean of -log of their predicted probability. cosine, correlation: of inferred and true rewards,
        see `inverse_rl.measures`. return: of the novices, acting for the inferred goal and paid by the
        newcomer's
        preferences. return_newcomer: the newcomer's own.
        """
        learner, world, seat = study.learner, study.world, study.world.spec.coplayers[0]
        goals, appraisal = learner.capability(GoalInference), learner.capability(RewardInference)
        assert goals is not None
        assert appraisal is not None
        overrides = {
            "presence": scheduled(world, "always", [seat]),
            "preferences": with_preferences(world, preference, [seat]),
        }
        rollout, most = make_rollout(world, learner), max(self.shots[-1], 1)
        shown = demonstrated(evaluation.trace(rollout, state, shown_key, most, overrides), world, [seat])
        seen = jnp.arange(most)[:, None] < shots
        trace = evaluation.trace(rollout, state, held_out_key, self.episodes, overrides)
        held_out = demonstrated(trace, world, [seat])
        shown = dataclasses.replace(shown, present=shown.present & seen)
        state, logits = goals.infer_goal(state, shown, held_out)
        mask = held_out.present.reshape(-1)
        cumulants = trace.outcome.cumulants[:, :, seat].reshape(-1, len(world.spec.cumulants))
        rewards = measures(
            appraisal.infer_rewards(state, held_out)[..., 0].reshape(-1), cumulants, preference, mask
        )
        paid = paid_by(preference, overrides)
        acting = evaluation.summarise(
            evaluation.trace(rollout, state, held_out_key, self.episodes, paid), world.spec
        )
        return prediction(logits, held_out, mask) | {
            "cosine": rewards["cosine"],
            "correlation": rewards["correlation"],
            "return": acting["return"],
            "return_newcomer": acting[f"return_{world.spec.agents[seat]}"],
        }


def paid_by(preference: Float32[Array, " K"], overrides: Overrides) -> Overrides:
    """The overrides, with the same preferences for all seats."""
    return overrides | {"preferences": jnp.broadcast_to(preference, overrides["preferences"].shape)}


def prediction(
    logits: Float32[Array, "T B L A"], steps: Demonstration, mask: Bool[Array, " n"]
) -> dict[str, Array]:
    """foreseen and nats, see `Config.measured`, over the steps of the mask (n = T B L)."""
    flat, action = logits.reshape(-1, logits.shape[-1]), steps.action.reshape(-1)
    right = jnp.argmax(flat, axis=-1) == action
    return {
        "foreseen": jnp.mean(right, where=mask, dtype=jnp.float32),
        "nats": jnp.mean(cloning_loss(flat, action), where=mask),
    }
