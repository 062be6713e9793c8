"""Whom does a novice follow, when, and does that serve it? Greedy episodes on held-out levels, measured
against planners.

What would be best is asked of a planner that knows the world and has the *novice's own* preferences. In state
s it values every action, Q(s, a); the best actions are A*(s) = {a : Q(s, a) >= max Q - tie}, often several
(two ways around lead equally far).

A source is *useful* in s if what it does in the novice's place is in A*(s). For co-player k that is a(k, s),
an action of its own policy with its seat moved to where the novice stands: the truth about k, whatever the
novice's model of k says. For the novice itself it is the action that its own values propose. Over the steps
on which the novice is there, by kind of source:

- share/<kind>: P(followed a source of this kind)
- useful/<kind>: P(a(k, s) in A*(s)): how often it would be right to follow it blindly
- precision/<kind>: P(a(k, s) in A*(s) | followed k): above useful/<kind>, it is followed where it is useful
- good/<kind>: P(action taken in A*(s) | followed k): whatever k would have done, was it right to do this?

and over all: share and precision of following anybody, good (of any action taken), chance (the share of
actions that are in A*, a random one's precision), and recall = P(action taken in A* | own proposal not in A*,
some co-player useful): of the steps on which another knows better, those on which the novice does right. What
never happens is NaN.

return, events/<cumulant>: of the novices, per episode. planner_return: of the planner in the novices' seats,
on the same levels and beside the same company; regret = planner_return - return. The planner goes for one
errand after the other and heeds no one, so it is competent, not optimal: where several want the same, a
regret may be negative.

Kinds: "self"; a planner's is how its preferences relate to the novice's (equal, overlapping, unrelated,
opposite: the cosine of the two is 1, positive, 0, negative); that of others is the name of their policy.

Labels of a record: `company`, the kinds there are, and `condition`, the numbers of the level under which it
was measured.
"""

import copy
import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl import evaluation
from socialrl.passive import passive_learner
from socialrl.protocols import Study
from socialrl.protocols._measures import mean_where
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl_envs import registry
from socialrl_envs.coplayers import planner
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.types import Outcome, State, World, WorldSpec
from socialrl_envs.world import require

STREAM = 0xF0110  # folded into a seed's key: levels of its own
ASKED = 1  # folded into that for what co-players would do
AS_TRAINED = "as trained"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of following.

    episodes: per seed and condition.
    conditions: numbers of the level that differ from the arm's own, e.g. {"flood": 1.0}; {} is the world as
    it was trained in.
    """

    kind: ClassVar[str] = "following"

    episodes: int = 128
    conditions: tuple[dict[str, float], ...] = ({},)

    def __post_init__(self) -> None:
        require(self.episodes >= 1, "episodes", self.episodes, "at least 1")
        require(len(self.conditions) > 0, "conditions", self.conditions, "at least one, such as {}")

    def run(self, study: Study) -> Iterator[tuple[dict[str, Any], PerSeed]]:
        """Yields labels and a bundle of measures by name."""
        world, company = study.world, company_of(study.world)
        keys = study.seeds.bundle(
            [jax.random.fold_in(root, STREAM) for root in study.seeds.unbundle(study.roots)]
        )
        lived, planned = (
            make_rollout(world, study.learner),
            make_rollout(with_planners(world), passive_learner(world.spec)),
        )

        def evaluate(state: Any, key: Key[Array, ""], numbers: dict[str, Array]) -> dict[str, Array]:
            trace = evaluation.trace(lived, state, key, self.episodes, numbers)
            best = evaluation.trace(planned, (), key, self.episodes, numbers)
            return returns(trace, best, world.spec) | measures(trace, world, jax.random.fold_in(key, ASKED))

        program = study.seeds.map(evaluate, 2)
        for condition in self.conditions:
            labels = {"company": company, "condition": in_words(condition)}
            yield labels, program(study.states, keys, numbers_of(world, condition))

    def count(self, study: Study) -> int:
        """How many records `run` yields."""
        return len(self.conditions)


def in_words(condition: dict[str, float]) -> str:
    """A condition as the records' label."""
    return ", ".join(f"{name} {value:g}" for name, value in condition.items()) or AS_TRAINED


def numbers_of(world: World, condition: dict[str, float]) -> dict[str, Array]:
    """The condition as numbers of the level; raises SocialRLError for one that the world does not have."""
    for name in condition:
        if name not in world.numbers:
            raise unknown("number (following.conditions)", name, world.numbers)
        if np.ndim(world.numbers[name]):
            raise SocialRLError(
                f"following.conditions: {name} is not a single number", "set those that are, such as flood"
            )
    return {name: jnp.float32(value) for name, value in condition.items()}


def with_planners(world: World) -> World:
    """The world, but that whatever the novices are told to do, a planner with their preferences moves them."""

    def step(state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        step_key, plan_key = jax.random.split(key)
        for seat, seat_key in zip(
            world.spec.novices, jax.random.split(plan_key, len(world.spec.novices)), strict=True
        ):
            actions = actions.at[seat].set(planner.act(world, state, seat, seat_key))
        return world.step(state, actions, step_key)

    planned = copy.copy(world)
    vars(planned)["step"] = step
    return planned


def returns(trace: Trace, best: Trace, spec: WorldSpec) -> dict[str, Array]:
    """Return, that of the planner, regret, and events."""
    mine, ideal = evaluation.summarise(trace, spec), evaluation.summarise(best, spec)["return"]
    events = {name: value for name, value in mine.items() if name.startswith("events/")}
    return {"return": mine["return"], "planner_return": ideal, "regret": ideal - mine["return"]} | events


def measures(trace: Trace, world: World, key: Key[Array, ""]) -> dict[str, Array]:
    """Shares, usefulness and precision, see above. key: of what co-players would do."""
    novices = np.array(world.spec.novices)
    states: State = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    there = trace.alive[..., None] & states.present[:, :, novices]  # (T, B, M)
    best = over_steps(lambda state: best_actions(world, state))(states)  # (T, B, M, A)
    keys = jax.random.split(key, trace.alive.shape)
    others = over_steps(lambda state, key: in_their_place(world, state, key))(states, keys)  # (T, B, M, K)

    def right(action: Int32[Array, "T B M"]) -> Bool[Array, "T B M"]:
        return jnp.take_along_axis(best, action[..., None], axis=-1)[..., 0]

    own = right(jnp.argmax(trace.decision.values[..., 0, :], axis=-1).astype(jnp.int32))
    useful = jnp.concatenate(
        [own[..., None], jnp.take_along_axis(best, others, axis=-1)], axis=-1
    )  # (T, B, M, S)
    source, done = trace.decision.source, right(trace.decision.action)
    chosen = jnp.take_along_axis(useful, source[..., None], axis=-1)[..., 0]
    missed = there & ~own & jnp.any(useful[..., 1:], axis=-1)
    result = {
        "share": mean_where(source > 0, there),
        "precision": mean_where(chosen, there & (source > 0)),
        "good": mean_where(done, there),
        "chance": mean_where(best, there[..., None]),
        "recall": mean_where(done, missed),
    }
    for kind, of_kind in kinds(world).items():
        followed = jnp.any((source[..., None] == np.arange(of_kind.shape[1])) & of_kind, axis=-1)
        result |= {
            f"share/{kind}": mean_where(followed, there),
            f"useful/{kind}": mean_where(useful, there[..., None] & of_kind),
            f"precision/{kind}": mean_where(chosen, there & followed),
            f"good/{kind}": mean_where(done, there & followed),
        }
    return result


def over_steps(function: Any) -> Any:
    """The function of one state over all steps and episodes."""
    return jax.vmap(jax.vmap(function))


def best_actions(world: World, state: State) -> Bool[Array, "M A"]:
    """Which actions a planner with each novice's preferences values most."""

    def of(seat: int) -> Bool[Array, " A"]:
        worth, _ = planner.worths(world, state, world.appeal(state)[seat], seat)
        most = jnp.max(worth)
        return worth >= most - planner.TIE * jnp.abs(most)

    return jnp.stack([of(seat) for seat in world.spec.novices])


def in_their_place(world: World, state: State, key: Key[Array, ""]) -> Int32[Array, "M K"]:
    """What each co-player would do if it stood where each novice stands."""
    novices, coplayers = world.spec.novices, world.spec.coplayers
    if not coplayers:
        return jnp.zeros((len(novices), 0), jnp.int32)

    def of(novice: int, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
        position = state.position.at[seat].set(state.position[novice])
        heading = state.heading.at[seat].set(state.heading[novice])
        moved = dataclasses.replace(state, position=position, heading=heading)
        return registry.coplayer(world.spec.seats[seat].policy).act(world, moved, seat, key)

    keys = jax.random.split(key, (len(novices), len(coplayers)))
    return jnp.stack(
        [
            jnp.stack([of(novice, seat, keys[i, k]) for k, seat in enumerate(coplayers)])
            for i, novice in enumerate(novices)
        ]
    )


def kinds(world: World) -> dict[str, Bool[np.ndarray, "M S"]]:
    """Of every kind of source, "self" first, which source of which novice is of it."""
    novices, coplayers = world.spec.novices, world.spec.coplayers
    table = np.array([["self", *(relation(world, novice, seat) for seat in coplayers)] for novice in novices])
    return {str(kind): table == kind for kind in dict.fromkeys(table.flatten().tolist())}


def relation(world: World, novice: int, seat: int) -> str:
    """The kind of a co-player as a source of this novice."""
    policy = world.spec.seats[seat].policy
    if policy not in ("planner", "noisy") or "preferences" not in world.numbers:
        return policy
    mine, its = np.asarray(world.numbers["preferences"])[[novice, seat]]
    return agreement(mine, its)


def agreement(mine: Float32[np.ndarray, " K"], its: Float32[np.ndarray, " K"]) -> str:
    """How two preferences relate, by their cosine."""
    dot, lengths = float(mine @ its), float(np.linalg.norm(mine) * np.linalg.norm(its))
    if abs(dot) <= 1e-6 * lengths:
        return "unrelated"
    if dot >= (1 - 1e-6) * lengths:
        return "equal"
    return "overlapping" if dot > 0 else "opposite"


def company_of(world: World) -> str:
    """The co-players by kind, as the first novice sees them, e.g. "2 equal, 1 wanderer"."""
    first = world.spec.novices[0]
    counts = Counter(relation(world, first, seat) for seat in world.spec.coplayers)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nobody"
