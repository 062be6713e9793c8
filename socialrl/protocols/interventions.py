"""What a policy that reads named concepts makes of them, and what setting them repairs: greedy episodes on
held-out levels.

In every episode nothing is set (`own`), or at every step some concepts are set: to the truth, or to a wrong
value drawn uniformly from the others; or the residual is set to zero, or to that of another episode at the
same step. All conditions have the same levels and random numbers.

    gain = return - return(own)

differs: share of the steps on which some concept is set to another value than the novice reads. Of these,
changed: the share on which it acts otherwise for it; before, after: the share of acts that a planner would
take, as read and as set; repaired: of the acts that it would not take as read, the share that it takes as
set; broken: of those that it would take as read, the share that it no longer takes. agreement: the share of
all steps whose act a planner would take; the planner knows the world and has the novice's preferences.

Of `own` besides, accuracy: how often the likeliest value of a concept is the true one, the mean over
concepts; accuracy/<concept>, and accuracy/<concept>/<part> of four equal parts of the time;
majority/<concept>: how often its most frequent value is the true one, which takes no reading. With a
residual, leak/<concept>: how often the true value is read from the residual alone by ridge regression, fitted
on one half of the episodes and tested on the other.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.random import clone  # the step that is looked ahead at is the one that is taken
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl import evaluation
from socialrl.nets.bottleneck import own_values
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._measures import mean_where
from socialrl.protocols._planners import best_actions
from socialrl.record import labels
from socialrl.rollout import Carry, Rollout, Trace, concepts_of
from socialrl.seeds import PerSeed
from socialrl.stepping import CoPlayers, Step
from socialrl.types import ActOutput, ConceptBottleneck, Intervention, Learner
from socialrl_envs.options import Options, option
from socialrl_envs.struct import pytree
from socialrl_envs.types import Outcome, State, World

STREAM = 0x4E7E  # of keys, so that the levels are new
PARTS = 4  # of an episode, in curves over it
RIDGE = 0.01  # of the probe of the residual, in units of the mean variance of a number


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of interventions."""

    kind: ClassVar[str] = labels.Interventions.kind
    needs: ClassVar[str] = "a learner that reads concepts (option concepts of ppo)"

    episodes: int = option(128, "held-out episodes per seed and condition", low=2)
    each: bool = option(True, "also set one concept after the other to the truth")

    def conditions(self, bottleneck: ConceptBottleneck) -> dict[labels.Interventions, "Condition"]:
        """What is set, by its label."""
        names = [concept.name for concept in bottleneck.concepts]
        found = {
            (labels.NOTHING, labels.OWN): condition(names, []),
            (labels.ALL, "truth"): condition(names, names),
        }
        if self.each:
            found |= {(name, "truth"): condition(names, [name]) for name in names}
        found[labels.ALL, "wrong"] = condition(names, names, wrong=True)
        if bottleneck.residual:
            found["residual", "zero"] = condition(names, [], zero=True)
            found["residual", "permuted"] = condition(names, [], permuted=True)
        return {labels.Interventions(*label): one for label, one in found.items()}

    def count(self, study: Study) -> int:
        """One per condition; 0 if the learner reads no concepts."""
        bottleneck = study.learner.capability(ConceptBottleneck)
        return 0 if bottleneck is None else len(self.conditions(bottleneck))

    def run(self, study: Study) -> Iterator[tuple[labels.Interventions, PerSeed]]:
        """Yields labels and the measures of the module's docstring."""
        bottleneck = study.learner.capability(ConceptBottleneck)
        if bottleneck is None:
            return
        keys, rollout = study.keys(STREAM), Intervening(study.world, study.learner, bottleneck)

        def measure(state: LearnerState, key: Key[Array, ""], setting: "Condition") -> dict[str, Array]:
            trace = evaluation.trace(rollout, (state, setting), key, self.episodes)
            return acts(trace, study.world) | understanding(trace, bottleneck)

        def compare(found: dict[str, Array], own: dict[str, Array]) -> dict[str, Array]:
            return found | {"gain": found["return"] - own["return"]}

        program, compared = study.seeds.map(measure, 2), study.seeds.map(compare, 2)
        brief, own = study.seeds.map(without_understanding, 1), None
        for label, setting in self.conditions(bottleneck).items():
            found = program(study.states, keys, setting)
            own = found if own is None else own
            found = compared(found, own)
            yield label, found if label.value == labels.OWN else brief(found)


@pytree
class Condition:
    """What is set at every step.

    which: the concepts. wrong: to a wrong value, else to the truth. zero, permuted: what the residual is
    set to.
    """

    which: Bool[Array, " concepts"]
    wrong: Bool[Array, ""]
    zero: Bool[Array, ""]
    permuted: Bool[Array, ""]


def condition(
    names: list[str], which: list[str], wrong: bool = False, zero: bool = False, permuted: bool = False
) -> Condition:
    """The Condition that sets the concepts of these names."""
    return Condition(
        which=jnp.array([name in which for name in names]),
        wrong=jnp.array(wrong),
        zero=jnp.array(zero),
        permuted=jnp.array(permuted),
    )


@pytree
class Read:
    """What was read and done in a step. truth, read: the true and the likeliest value of every concept.
    put_in: what each was set to, -1 for nothing. own: the act as read. best: the acts that a planner would
    take.
    """

    truth: Int32[Array, "*batch concepts"]
    read: Int32[Array, "*batch concepts"]
    put_in: Int32[Array, "*batch concepts"]
    residual: Float32[Array, "*batch residual"]
    own: Int32[Array, "*batch"]
    best: Bool[Array, "*batch A"]


class Intervening(Rollout):
    """The rollout of a learner whose concepts are set. Its learner state is (state, Condition); the extras of
    its traces are Reads.
    """

    def __init__(self, world: World, learner: Learner, bottleneck: ConceptBottleneck):
        super().__init__(world, dataclasses.replace(learner, capabilities=()))
        self.bottleneck = bottleneck

    def _step(
        self,
        learner_state: PyTree,
        carry: Carry,
        key: Key[Array, ""],
        step_keys: Key[Array, " B"],
        explore: bool,
    ) -> tuple[ActOutput, Step]:
        """The decisions as set, and the step that every world takes with them."""
        state, setting = learner_state
        host_key, act_key, wrong_key, order_key = jax.random.split(key, 4)
        host_keys = jax.random.split(host_key, carry.views.shape[0])

        theirs, memory = jax.vmap(self.host.act)(
            carry.coplayers.memory, carry.state, carry.coplayers.reward, host_keys
        )

        def stepped(acted: ActOutput) -> tuple[State, Outcome, Array]:
            actions = theirs.at[:, self.novices].set(acted.decision.action)
            return *jax.vmap(self.world.step)(carry.state, actions, clone(step_keys)), actions

        given = (state, carry.carry, carry.timestep)
        free = self.learner.act(*given, clone(act_key), explore)
        reading = self.bottleneck.read(*given)
        truth = concepts_of(self.world, carry.state, stepped(free)[0])[:, self.novices]
        put_in = Intervention(
            values=self._values(truth, setting, wrong_key),
            residual=self._residual(reading.residual, setting, order_key),
        )
        acted = self.bottleneck.intervene(*given, put_in, clone(act_key), explore)
        found = Read(
            truth=truth,
            read=jnp.argmax(reading.probability, axis=-1).astype(jnp.int32),
            put_in=put_in.values,
            residual=reading.residual,
            own=free.decision.action,
            best=jax.vmap(lambda state: best_actions(self.world, state))(carry.state),
        )
        after, outcome, actions = stepped(acted)
        views = jax.vmap(self.world.observe)(after)
        kept = CoPlayers(memory=memory, reward=outcome.reward)
        return acted._replace(extras=found), Step(after, outcome, views, actions, kept)

    def _values(
        self, truth: Int32[Array, "B novices concepts"], setting: Condition, key: Key[Array, ""]
    ) -> Int32[Array, "B novices concepts"]:
        """What each concept is set to: the truth, or another value; -1 where it has none, or is left."""
        counts = jnp.array([len(concept.values) for concept in self.bottleneck.concepts], jnp.int32)
        away = 1 + jax.random.randint(key, truth.shape, 0, counts - 1, jnp.int32)
        value = jnp.where(setting.wrong, (truth + away) % counts, truth)
        return jnp.where(setting.which & (truth >= 0), value, -1)

    def _residual(
        self, own: Float32[Array, "B novices residual"], setting: Condition, key: Key[Array, ""]
    ) -> Float32[Array, "B novices residual"]:
        """What the residual is set to: zeros, or that of another episode; NaN where it is left."""
        others = jnp.roll(own, jax.random.randint(key, (), 1, max(2, own.shape[0])), axis=0)
        kept = jnp.where(setting.permuted, others, jnp.nan)
        return jnp.where(setting.zero, 0.0, kept)


def acts(trace: Trace, world: World) -> dict[str, Array]:
    """return, agreement, differs, changed, before, after, repaired and broken of a trace of `Intervening`."""
    novices, found = np.array(world.spec.novices), trace.extras
    mask = trace.alive[..., None] & trace.states.seats.present[:-1][:, :, novices]
    reward = jnp.where(trace.alive[..., None], trace.outcome.reward[:, :, novices], 0.0)

    def good(action: Int32[Array, "T B M"]) -> Bool[Array, "T B M"]:
        return jnp.take_along_axis(found.best, action[..., None], axis=-1)[..., 0]

    own, now = good(found.own), good(trace.decision.action)
    other = mask & jnp.any((found.put_in >= 0) & (found.put_in != found.read), axis=-1)
    return {
        "return": jnp.mean(jnp.sum(reward, axis=0)),
        "agreement": mean_where(now, mask),
        "differs": mean_where(other, mask),
        "changed": mean_where(trace.decision.action != found.own, other),
        "before": mean_where(own, other),
        "after": mean_where(now, other),
        "repaired": mean_where(now, other & ~own),
        "broken": mean_where(~now, other & own),
    }


def understanding(trace: Trace, bottleneck: ConceptBottleneck) -> dict[str, Array]:
    """accuracy and majority of every concept, over all steps and over parts of the time, and leak if there is
    a residual.
    """
    found, names = trace.extras, [concept.name for concept in bottleneck.concepts]
    known = trace.alive[..., None, None] & (found.truth >= 0)
    right = known & (found.read == found.truth)
    parts = np.array_split(np.arange(known.shape[0]), PARTS)
    accuracy = _share(right, known)
    values = own_values(bottleneck.concepts)
    coded = known[..., None] & (found.truth[..., None] == np.arange(values.shape[1]))
    majority = _share(coded, known[..., None]).max(axis=-1)
    columns = {"accuracy/{}": accuracy, "majority/{}": majority}
    columns |= {f"accuracy/{{}}/{i}": _share(right[part], known[part]) for i, part in enumerate(parts)}
    if bottleneck.residual:
        each = jax.vmap(leak, in_axes=(None, 3, 0))
        columns["leak/{}"] = each(found.residual, coded.astype(jnp.float32), jnp.asarray(values))
    result = {column.format(name): row[i] for column, row in columns.items() for i, name in enumerate(names)}
    return result | {"accuracy": jnp.nanmean(accuracy)}


def _share(
    what: Bool[Array, "T B M *concept"], among: Bool[Array, "T B M *#concept"]
) -> Float32[Array, "*concept"]:
    """The share of the steps in `among` at which something holds; NaN if there are none."""
    hits, steps = (jnp.sum(x, axis=(0, 1, 2), dtype=jnp.float32) for x in (what, among))
    return jnp.where(steps > 0, hits / jnp.maximum(steps, 1.0), jnp.nan)


def without_understanding(found: dict[str, Array]) -> dict[str, Array]:
    """The measures without those of `understanding`, which are of the novice left alone."""
    return {name: value for name, value in found.items() if name.partition("/")[0] not in UNDERSTANDING}


UNDERSTANDING = ("accuracy", "majority", "leak")


def leak(
    residual: Float32[Array, "T B M residual"],
    coded: Float32[Array, "T B M values"],
    own: Bool[Array, " values"],
) -> Float32[Array, ""]:
    """How often the true value of a concept is the likeliest by a linear map of the residual, on the second
    half of the episodes; the map is fitted on the first half. coded: one-hot, all 0 where undefined. own:
    which values the concept has.
    """
    x = jnp.concatenate([residual, jnp.ones_like(residual[..., :1])], axis=-1)
    half = x.shape[1] // 2
    known = jnp.sum(coded, axis=-1, keepdims=True)

    def flat(leaf: Array, part: slice) -> Array:
        return leaf[:, part].reshape(-1, leaf.shape[-1])

    fitted, tested = slice(0, half), slice(half, None)
    design = flat(x * known, fitted)
    gram = design.T @ design
    penalty = (RIDGE * jnp.trace(gram) / gram.shape[0] + 1e-6) * jnp.eye(gram.shape[0], dtype=jnp.float32)
    weights = jnp.linalg.solve(gram + penalty, design.T @ flat(coded, fitted))
    predicted = jnp.argmax(jnp.where(own, flat(x, tested) @ weights, -jnp.inf), axis=-1)
    right = jnp.take_along_axis(flat(coded, tested), predicted[:, None], axis=-1)[:, 0]
    return mean_where(right, flat(known, tested)[:, 0] > 0)
