"""Goal inference: a newcomer wants what no task wanted. How much of its behaviour must be seen to know what
it wants?

The first co-player gets new preferences and is watched for a few episodes; the learner infers its goal. Told
is how well its actions in other, held-out episodes are foreseen, whether the inferred reward is the true one
(as in `inverse_rl.py`), and what a novice earns by the newcomer's preferences if it acts for the inferred
goal. The same inference from a network that has learnt nothing is the control.

Labels of a record: the `preference`, `method` ("pre-trained" or "untrained") and `episodes` seen. Learners
that infer no goal have no records.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl import evaluation
from socialrl.losses.policy import cloning_loss
from socialrl.protocols import Study
from socialrl.protocols.few_shot import check, streams
from socialrl.protocols.inverse_rl import measures
from socialrl.recording import demonstrated
from socialrl.rollout import make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import GoalInference, RewardInference
from socialrl_envs import presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.world import require

STREAM = 0x60A1  # folded into a seed's key for what is shown; STREAM + 1 for what is held out, STREAM + 2 for a fresh network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of goal_inference.

    preferences: of newcomers, one vector each.
    episodes: after how many of the newcomer's episodes its goal is inferred, ascending; 0 is before any.
    evaluation_episodes: held-out ones, per seed.
    """

    kind: ClassVar[str] = "goal_inference"

    preferences: tuple[tuple[float, ...], ...]
    episodes: tuple[int, ...] = (0, 1, 10, 100)
    evaluation_episodes: int = 64

    def __post_init__(self) -> None:
        check(self.preferences, self.episodes, self.evaluation_episodes)

    def run(self, study: Study) -> Iterator[tuple[dict[str, Any], PerSeed]]:
        """Yields labels and a bundle of measures by name, see `watch`."""
        spec, seeds, learner = study.world.spec, study.seeds, study.learner
        if "preferences" not in study.world.numbers or not spec.coplayers:
            raise SocialRLError(
                f"goal_inference: nobody has preferences to infer in {spec.name}", "use it with coin_grid"
            )
        if learner.capability(GoalInference) is None:
            return
        fresh = seeds.map(lambda key: learner.init(key, study.experiment.unroll, 1), 1)(
            streams(study, STREAM + 2)
        )
        watch = seeds.map(lambda *arguments: self.watch(study, *arguments), 3)
        keys = streams(study, STREAM), streams(study, STREAM + 1)
        known = seeds.map(lambda state, fresh: dataclasses.replace(fresh, params=state.params), 2)(
            study.states, fresh
        )
        for preference in self.preferences:
            width = jnp.asarray(study.world.numbers["preferences"]).shape[1]
            require(
                len(preference) == width, "goal_inference.preferences", preference, f"{width} numbers long"
            )
            for method, states in (("pre-trained", known), ("untrained", fresh)):
                for episodes in self.episodes:
                    labels = {"preference": list(preference), "method": method, "episodes": episodes}
                    yield (
                        labels,
                        watch(states, *keys, jnp.array(preference, jnp.float32), jnp.int32(episodes)),
                    )

    def watch(
        self,
        study: Study,
        state: Any,
        shown_key: Key[Array, ""],
        asked_key: Key[Array, ""],
        preference: Float32[Array, " K"],
        episodes: Int32[Array, ""],
    ) -> dict[str, Array]:
        """Scalars by name, of one seed.

        foreseen: share of the newcomer's held-out actions that were thought likeliest; nats: surprise at one
        of them. cosine,
        correlation: of inferred and true rewards, see `inverse_rl.measures`. return: of the novices, who act
        for the inferred goal and are paid by the newcomer's preferences; return_newcomer: its own.
        """
        learner, world, seat = study.learner, study.world, study.world.spec.coplayers[0]
        goals, rewards = learner.capability(GoalInference), learner.capability(RewardInference)
        assert goals is not None
        assert rewards is not None
        numbers = {name: jnp.asarray(world.numbers[name]) for name in ("presence", "preferences")}
        always = jnp.array(presence.SCHEDULES["always"], jnp.float32)
        numbers["presence"] = numbers["presence"].at[seat].set(always)
        numbers["preferences"] = numbers["preferences"].at[seat].set(preference)
        rollout, most = make_rollout(world, learner), max(self.episodes[-1], 1)
        shown = demonstrated(evaluation.trace(rollout, state, shown_key, most, numbers), world, [seat])
        seen = jnp.arange(most)[:, None] < episodes
        trace = evaluation.trace(rollout, state, asked_key, self.evaluation_episodes, numbers)
        asked = demonstrated(trace, world, [seat])

        state, logits = goals.infer_goal(
            state, dataclasses.replace(shown, present=shown.present & seen), asked
        )
        there, flat = asked.present.reshape(-1), logits.reshape(-1, logits.shape[-1])
        nats, right = (
            cloning_loss(flat, asked.action.reshape(-1)),
            jnp.argmax(flat, axis=-1) == asked.action.reshape(-1),
        )
        events = trace.outcome.events[:, :, seat].reshape(-1, len(world.spec.cumulants))
        inferred = measures(
            rewards.infer_rewards(state, asked)[..., 0].reshape(-1), events, preference, there
        )
        paid = numbers | {"preferences": jnp.broadcast_to(preference, numbers["preferences"].shape)}
        acting = evaluation.summarise(
            evaluation.trace(rollout, state, asked_key, self.evaluation_episodes, paid), world.spec
        )
        return {
            "foreseen": jnp.mean(right, where=there, dtype=jnp.float32),
            "nats": jnp.mean(nats, where=there),
            "cosine": inferred["cosine"],
            "correlation": inferred["correlation"],
            "return": acting["return"],
            "return_newcomer": acting[f"return_{world.spec.agents[seat]}"],
        }
