"""Whom does a novice follow, when, and is it useful? Greedy episodes on held-out levels, compared with
planners.

The standard is a planner that knows the world and has the *novice's own* preferences. In state s it values
every action, Q(s, a); the best actions are A*(s) = {a : Q(s, a) >= max Q - tie}, often several (two detours
are equally long).

A source is *useful* in s if its action in the novice's place is in A*(s). For co-player k that is a(k, s),
the action of k's own policy with its seat moved to the novice's cell: what k really does, not what the
novice's model of k predicts. For the novice itself it is the action with the highest of its own values. Over
the steps on which the novice is present, by kind of source:

- share/<kind>: P(followed a source of this kind)
- useful/<kind>: P(a(k, s) in A*(s)), over all steps, followed or not
- precision/<kind>: P(a(k, s) in A*(s) | followed k); above useful/<kind>, k is followed where it is useful
- good/<kind>: P(action taken in A*(s) | followed k), whatever k itself would have done

and over all kinds: share and precision of following any co-player, good (of all actions taken), chance (the
mean share of actions that are in A*, which is the precision of a random action), any (the mean share of the
co-players that are useful, on the steps on which one is followed: the precision of following any of them
then), selectivity = precision - any, which blind following does not have, and recall = P(action taken in A*
| own action not in A*, some co-player useful). A measure over no steps is NaN.

Whom: of the co-players on the grid those are *right* whose goals and skill suit the novice best, see
`_whom.right_ones`. right = P(the one followed is right | a co-player is followed), right_base = the mean
share of right ones among those on the grid in these steps, which following any of them at random has,
right_gain = right - right_base, and right/<bin>, right_base/<bin>: the same over BINS parts of the horizon.
On levels that redraw who wants what (`redrawn`), a gain is learnt within the episode. nobody: share of steps
on which a source is followed that is about nobody.

uncertain, uncertain_gain, uncertain_at/<bin>, followed_at/<bin>: whether others are followed where the novice
is unsure, see `_uncertainty`; of learners whose decisions are of a policy.

belief, belief_mass, belief/<bin>: how right the novice is about where the nearest co-player is going, see
`_belief`; of learners that show a belief.

return, cumulants/<name>: of the novices, per episode. planner_return: of planners in the novices' seats, on
the same levels beside the same company; regret = planner_return - return. The planner goes for one goal after
the other and ignores the other seats, so it is competent, not optimal: where several seats want the same, the
regret may be negative.

Kinds: "self"; of planners how their preferences relate to the novice's on that level, of others the name of
their policy; see `_company.relation`. A source that follows whoever is nearest counts as the nearest
co-player, see `_whom`.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, Key, PyTree

from socialrl import evaluation
from socialrl.passive import passive_learner
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._belief import belief_measures
from socialrl.protocols._company import company_of, kinds_now
from socialrl.protocols._measures import BINS, mean_where
from socialrl.protocols._overrides import Overrides, parameter
from socialrl.protocols._planners import best_actions, coplayers_in_place, with_planners
from socialrl.protocols._uncertainty import uncertainty_measures
from socialrl.protocols._whom import followed, numbers, right_ones
from socialrl.record import labels
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import State, World, WorldSpec

STREAM = 0xF0110  # of keys, so that the levels are new
IN_PLACE = 1  # folded into those keys for the co-players' actions in the novices' place
BELIEF = 2  # the same for what the novices believe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of following."""

    kind: ClassVar[str] = labels.Following.kind
    needs: ClassVar[str] = "a novice"

    episodes: int = option(128, "held-out episodes per seed and condition", low=1)
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

    def run(self, study: Study) -> Iterator[tuple[labels.Following, PerSeed]]:
        """Yields labels and the measures of the module's docstring."""
        world, company, keys = study.world, company_of(study.world), study.keys(STREAM)
        learned = make_rollout(world, study.learner)
        planned = make_rollout(with_planners(world), passive_learner(world.spec))

        def evaluate(state: LearnerState, key: Key[Array, ""], overrides: Overrides) -> dict[str, Array]:
            trace = evaluation.trace(learned, state, key, self.episodes, overrides)
            best = evaluation.trace(planned, (), key, self.episodes, overrides)
            in_place_key, belief_key = (jax.random.fold_in(key, number) for number in (IN_PLACE, BELIEF))
            whom = numbers(world.spec, study.learner)
            found = returns(trace, best, world.spec) | measures(trace, world, in_place_key, whom)
            if study.learner.value_unit == "logit" and len(whom) > 1:
                found |= unsure(trace, world.spec, whom)
            return found | belief_measures(world, study.learner, state, trace, belief_key)

        program = study.seeds.map(evaluate, 2)
        for condition in self.conditions:
            overrides = overrides_of(world, condition)
            yield labels.Following(company, in_words(condition)), program(study.states, keys, overrides)


def in_words(condition: dict[str, float]) -> str:
    """The label of a condition, e.g. "flood 0.5, density 0.25"."""
    return ", ".join(f"{name} {value:g}" for name, value in condition.items()) or labels.AS_TRAINED


def overrides_of(world: World, condition: dict[str, float]) -> Overrides:
    """The parameters of a condition; raises SocialRLError for one that the world does not have as a single
    number.
    """
    for name in condition:
        if name not in world.params.named():
            raise unknown("parameter (following.conditions)", name, world.params.named())
        if np.ndim(parameter(world, name)):
            raise SocialRLError(
                f"following.conditions: {name} is not a single number",
                "override single numbers, such as flood",
            )
    return {name: jnp.float32(value) for name, value in condition.items()}


def returns(trace: Trace, best: Trace, spec: WorldSpec) -> dict[str, Array]:
    """return, planner_return, regret, and cumulants/<cumulant>. best: the trace of the planners."""
    own, planner = evaluation.summarise(trace, spec), evaluation.summarise(best, spec)["return"]
    happened = {name: value for name, value in own.items() if name.startswith("cumulants/")}
    return {"return": own["return"], "planner_return": planner, "regret": planner - own["return"]} | happened


def measures(
    trace: Trace, world: World, key: Key[Array, ""], whom: Int32[np.ndarray, " S"]
) -> dict[str, Array]:
    """Shares, usefulness, precision, and whom. key: for the co-players' actions in the novices' place. whom:
    of each source, see `_whom.numbers`.
    """
    novices = np.array(world.spec.novices)
    states: State = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    mask = trace.alive[..., None] & states.seats.present[:, :, novices]  # (T, B, M)
    best = over_steps(lambda state: best_actions(world, state))(states)  # (T, B, M, A)
    keys = jax.random.split(key, trace.alive.shape)
    others = over_steps(lambda state, key: coplayers_in_place(world, state, key))(
        states, keys
    )  # (T, B, M, P)

    def right(action: Int32[Array, "T B M"]) -> Bool[Array, "T B M"]:
        return jnp.take_along_axis(best, action[..., None], axis=-1)[..., 0]

    own = right(jnp.argmax(trace.decision.values[..., 0, :], axis=-1).astype(jnp.int32))
    useful = jnp.concatenate(
        [own[..., None], jnp.take_along_axis(best, others, axis=-1)], axis=-1
    )  # (T, B, M, 1 + P)
    source, good = followed(trace.decision.source, whom, states, world.spec), right(trace.decision.action)
    chosen = jnp.take_along_axis(useful, jnp.maximum(source, 0)[..., None], axis=-1)[..., 0]
    missed = mask & ~own & jnp.any(useful[..., 1:], axis=-1)
    result = {
        "share": mean_where(source > 0, mask),
        "nobody": mean_where(source < 0, mask),
        "precision": mean_where(chosen, mask & (source > 0)),
        "good": mean_where(good, mask),
        "chance": mean_where(best, mask[..., None]),
        "recall": mean_where(good, missed),
        "any": mean_where(useful[..., 1:], (mask & (source > 0))[..., None]),
    }
    result["selectivity"] = result["precision"] - result["any"]
    for kind, of_kind in kinds_now(world, states).items():
        its = jnp.any((source[..., None] == np.arange(of_kind.shape[-1])) & of_kind, axis=-1)
        result |= {
            f"share/{kind}": mean_where(its, mask),
            f"useful/{kind}": mean_where(useful, mask[..., None] & of_kind),
            f"precision/{kind}": mean_where(chosen, mask & its),
            f"good/{kind}": mean_where(good, mask & its),
        }
    return result | whom_measures(source, mask, world, states)


def whom_measures(
    source: Int32[Array, "T B M"], mask: Bool[Array, "T B M"], world: World, states: State
) -> dict[str, Array]:
    """right and right_base, over all steps and over BINS parts of the horizon. source: the number of the
    co-player that is followed.
    """
    if not world.spec.coplayers:
        return {}
    right, chosen = right_ones(world, states), jnp.maximum(source - 1, 0)[..., None]
    it = jnp.take_along_axis(right, chosen, axis=-1)[..., 0]
    there = states.seats.present[..., None, np.array(world.spec.coplayers)]
    count = jnp.sum(there, axis=-1, dtype=jnp.float32)
    base = jnp.sum(right, axis=-1, dtype=jnp.float32) / jnp.maximum(count, 1.0)
    these = mask & (source > 0) & (count > 0)
    result = {"right": mean_where(it, these), "right_base": mean_where(base, these)}
    result["right_gain"] = result["right"] - result["right_base"]
    for number, part in enumerate(np.array_split(np.arange(source.shape[0]), BINS)):
        result[f"right/{number}"] = mean_where(it[part], these[part])
        result[f"right_base/{number}"] = mean_where(base[part], these[part])
    return result


def unsure(trace: Trace, spec: WorldSpec, whom: Int32[np.ndarray, " S"]) -> dict[str, Array]:
    """The measures of `_uncertainty`, over the steps on which the novices are present."""
    states: State = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    mask = trace.alive[..., None] & states.seats.present[:, :, np.array(spec.novices)]
    own = trace.decision.values[..., 0, :]
    return uncertainty_measures(own, followed(trace.decision.source, whom, states, spec), mask)


def over_steps(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """A function of one state, mapped over the leading axes (T, B) of its arguments."""
    return jax.vmap(jax.vmap(function))
