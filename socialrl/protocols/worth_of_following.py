"""What was each decision to follow worth? The advantage of following over acting for oneself in that step.

Greedy episodes are played on held-out levels. Of the steps in which a novice followed another source, some
are drawn at random, `decisions` of each source. From each the episode goes on twice: with the decision as it
was made, and with the novice's own choice (source 0) in its place for `instead` steps; everything after that
is by the same agent. Both ways on draw the same random numbers, and there are `continuations` such pairs. The
worth of a decision is the mean difference of the novice's return from that step on,

    worth = E[return | followed] - E[return | own choice instead],

so that it is positive if following paid. It is exactly 0 where both choose the same action.

Measures, of every source and of all together, weighted by how often each was followed: `worth`, and with the
rewards discounted by `discount` per step `discounted`; `differs`: share of the decisions in which the own
choice was another action; `worth_if_differs`: the worth of these; `pays`, `costs`: share of the decisions
whose worth is positive, negative; `share`: of the novices' steps in which the source was followed;
`decisions`: how many were drawn. A mean over no decisions is NaN.

The choice of a source is forced by the learner's capability ForceSource, or without it taken from
`Decision.values`. The measure is about one decision of an agent that goes on following others afterwards;
what following is worth altogether is the difference to an agent that never follows.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl import evaluation
from socialrl.counterfactual import FREE, Change, at, compared, moments
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._company import relation
from socialrl.protocols._measures import mean_where
from socialrl.record import labels
from socialrl.rollout import Rollout, Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl.stepping import first_timestep
from socialrl.types import Learner, SourceName
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import World

STREAM = 0x3087  # of keys, so that the levels are new


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of worth_of_following."""

    kind: ClassVar[str] = labels.WorthOfFollowing.kind
    needs: ClassVar[str] = "a learner that follows other sources"

    episodes: int = option(16, "held-out episodes per seed, from which the decisions are drawn", low=1)
    decisions: int = option(48, "decisions of each source, per seed", low=1)
    continuations: int = option(4, "pairs of continuations of each decision", low=1)
    instead: tuple[int, ...] = option((1,), "for how many steps the novice acts for itself instead", low=1)
    discount: float = option(0.95, "per step, of `discounted`", low=0, high=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        distinct = len(self.instead) == len(set(self.instead)) > 0
        require(distinct, "instead", self.instead, "at least one number of steps, each once")

    def count(self, study: Study) -> int:
        """One per source besides the novice itself, and one for all, times `instead`; 0 for a learner with a
        single source.
        """
        sources = number_of_sources(study)
        return sources * len(self.instead) if sources > 1 else 0

    def run(self, study: Study) -> Iterator[tuple[labels.WorthOfFollowing, PerSeed]]:
        """Yields labels and the measures of the module's docstring."""
        if not self.count(study):
            return
        rollout, keys = make_rollout(study.world, study.learner), study.keys(STREAM)
        sources = number_of_sources(study)

        def evaluate(
            state: LearnerState, key: Key[Array, ""], instead: Int32[Array, ""]
        ) -> list[dict[str, Array]]:
            return measured(rollout, state, key, instead, self, sources)

        program = study.seeds.map(evaluate, 2)
        for steps in self.instead:
            found = study.seeds.unbundle(program(study.states, keys, jnp.int32(steps)))
            for number, (name, kind) in enumerate(names(study.world, study.learner)[:sources]):
                label = labels.WorthOfFollowing(name, kind, steps)
                yield label, study.seeds.bundle([of_seed[number] for of_seed in found])


def number_of_sources(study: Study) -> int:
    """How many sources the learner's decisions have, the novice itself included."""
    learner: Learner = study.learner
    spec = study.world.spec
    novices = np.array(spec.novices, np.int32)
    if not len(novices):
        return 1

    def decide(key: Key[Array, ""], state: PyTree) -> Array:
        views = jnp.zeros((1, len(spec.seats), *spec.obs_shape), jnp.uint8)
        carry = learner.initial_carry(1, len(novices))
        return learner.act(state, carry, first_timestep(views, novices), key, False).decision.values

    state = study.seeds.unbundle(study.states)[0]
    return jax.eval_shape(decide, jax.random.key(0), state).shape[-2]


def names(world: World, learner: Learner) -> list[tuple[str, str]]:
    """(name, relation to the first novice) of all sources together, and of each but the novice itself."""
    spec, found = world.spec, [(labels.ALL, "")]
    plain = tuple(SourceName("", spec.agents[seat]) for seat in spec.coplayers)
    for source in plain if learner.sources is None else learner.sources[1:]:
        known = source.whom in spec.agents
        kind = relation(world, spec.novices[0], spec.agents.index(source.whom)) if known else ""
        found.append((str(source), kind))
    return found


def measured(
    rollout: Rollout,
    state: LearnerState,
    key: Key[Array, ""],
    instead: Int32[Array, ""],
    config: Config,
    sources: int,
) -> list[dict[str, Array]]:
    """The measures of all sources together, and of each but the novice itself, of one seed."""
    play_key, draw_key, remember_key, go_on_key = jax.random.split(jax.random.fold_in(key, 0), 4)
    trace = evaluation.trace(rollout, state, play_key, config.episodes)
    followed = by_source(trace, rollout.novices, sources)
    drawn, place = draw(followed, draw_key, config.decisions)
    there = moments(rollout, state, trace.states, trace.actions, trace.outcome.reward, remember_key)
    novices = len(rollout.novices)
    time, world, novice = jnp.unravel_index(place.reshape(-1), followed.shape[1:])
    now = at(there, time, world, config.continuations)
    mine = jnp.repeat(novice, config.continuations)[:, None]
    made = jnp.repeat(trace.decision.action[time, world], config.continuations, axis=0)
    changes = own_choice(made, mine == jnp.arange(novices), instead)
    ends = compared(rollout, state, now, changes, go_on_key, config.discount)
    shape = (*drawn.shape, config.continuations)

    def of_novice(leaf: Array) -> Array:
        """(2, Q) of (2, Q, novices), as (2, sources, decisions, continuations)."""
        chosen = jnp.take_along_axis(leaf, jnp.broadcast_to(mine, (2, *mine.shape)), axis=-1)[..., 0]
        return chosen.reshape(2, *shape)

    returns, discounted, action = map(of_novice, (ends.returns, ends.discounted, ends.action))
    gain = jnp.mean(returns[0] - returns[1], axis=-1)
    values = {
        "worth": gain,
        "discounted": jnp.mean(discounted[0] - discounted[1], axis=-1),
        "differs": jnp.mean(action[0] != action[1], axis=-1, dtype=jnp.float32),
        "pays": (gain > 0).astype(jnp.float32),
        "costs": (gain < 0).astype(jnp.float32),
    }
    counts = jnp.sum(followed, axis=(1, 2, 3), dtype=jnp.float32)
    steps = jnp.sum(trace.alive, dtype=jnp.float32) * novices
    return summarised(values, drawn, counts, steps)


def by_source(trace: Trace, novices: Int32[np.ndarray, " M"], sources: int) -> Bool[Array, "others T B M"]:
    """In which steps each source but the novice itself was followed by novices that were present."""
    there = trace.alive[..., None] & trace.states.seats.present[:-1][:, :, novices]
    numbers = jnp.arange(1, sources, dtype=jnp.int32)[:, None, None, None]
    return there & (trace.decision.source == numbers)


def draw(
    followed: Bool[Array, "others T B M"], key: Key[Array, ""], count: int
) -> tuple[Bool[Array, "others D"], Int32[Array, "others D"]]:
    """`count` steps of each source, without replacement: whether there is one, and its place in (T, B, M)."""
    flat = followed.reshape(followed.shape[0], -1)
    score = jnp.where(flat, jax.random.uniform(key, flat.shape), -1.0)
    best, place = jax.lax.top_k(score, min(count, flat.shape[1]))
    return best >= 0, place.astype(jnp.int32)


def own_choice(made: Int32[Array, "Q M"], mine: Bool[Array, "Q M"], instead: Int32[Array, ""]) -> Change:
    """Two ways on, leaves (2, Q, M): the actions that were made, and for one novice of each row, `mine`, its
    own choice for so many steps.
    """
    free = jnp.full(made.shape, FREE, jnp.int32)
    return Change(
        action=jnp.stack([made, jnp.where(mine, FREE, made)]),
        source=jnp.stack([free, jnp.where(mine, 0, FREE)]),
        steps=jnp.stack([jnp.int32(0), instead]),
    )


def summarised(
    values: dict[str, Float32[Array, "others D"]],
    drawn: Bool[Array, "others D"],
    counts: Float32[Array, " others"],
    steps: Float32[Array, ""],
) -> list[dict[str, Array]]:
    """Means over the decisions drawn, of all sources and of each. counts: the steps in which each was
    followed, of `steps` in all.
    """
    over: Callable[..., Array] = jax.vmap(mean_where)
    means = {name: over(value, drawn) for name, value in values.items()}
    number = jnp.sum(drawn, axis=1, dtype=jnp.float32)
    together = {name: weighted(value, counts) for name, value in means.items()}
    other = over(values["worth"], drawn & (values["differs"] > 0))
    means["worth_if_differs"] = other
    together["worth_if_differs"] = weighted(other, counts * jnp.nan_to_num(means["differs"]))
    every = [together | {"share": jnp.sum(counts) / steps, "decisions": jnp.sum(number)}]
    for source in range(len(counts)):
        own = {name: value[source] for name, value in means.items()}
        every.append(own | {"share": counts[source] / steps, "decisions": number[source]})
    return every


def weighted(values: Float32[Array, " others"], weights: Float32[Array, " others"]) -> Float32[Array, ""]:
    """The mean of the values by these weights; NaN if all are 0."""
    total = jnp.sum(weights)
    mean = jnp.sum(jnp.where(weights > 0, weights * values, 0.0)) / jnp.where(total > 0, total, 1.0)
    return jnp.where(total > 0, mean, jnp.nan)
