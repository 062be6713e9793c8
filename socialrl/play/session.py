"""A session: people act on seats of a world, step by step, and all of it is recorded. No window."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, Key, PyTree

from socialrl.feedback.clips import digest
from socialrl.feedback.comparisons import now
from socialrl.feedback.marks import Mark, recent
from socialrl.play.cast import Cast
from socialrl.protocols.social import stand_ins
from socialrl.record.demonstrations import Demonstrations
from socialrl.record.labels import TRAINED
from socialrl.record.replay import Replay
from socialrl.recording import demonstrated, explanation, to_demonstrations, to_replay
from socialrl.rollout import Trace, influenced
from socialrl.stepping import CoPlayers, begin_coplayers, first_timestep, hosted, next_timestep, step_all
from socialrl.types import Decision, Overrides, Timestep
from socialrl_envs.hosting import Host, host
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Outcome, State

EXPLAIN = 0xE791  # folded into a session's key for explanations; episodes fold in their number


@pytree
class Moment:
    """The world and the novices' carries between two steps; leaves (1, ...), a batch of one world. company:
    the number of the episode's, 0 for the world's own.
    """

    state: State
    timestep: Timestep
    carry: Any
    coplayers: CoPlayers
    company: Int32[Array, ""]


@pytree
class PlayedStep:
    """One step as a Trace holds it; leaves (1, ...). state: the state after it."""

    state: State
    actions: Int32[Array, "1 N"]
    outcome: Outcome
    decision: Decision
    step_key: Array


class Given(NamedTuple):
    """A mark that a person gave: after so many steps, whether good, when, and the age of the last steps."""

    annotator: str
    time: str
    step: int
    good: bool
    ages_ms: tuple[int, ...]


class Episode(NamedTuple):
    """An episode on the host: its first state, its steps, when each of them was taken (in seconds of the
    session's clock), the marks that people gave, and the raw key of its reset.
    """

    first: State
    steps: list[PlayedStep]
    taken: list[float]
    marks: list[Given]
    reset_key: np.ndarray


class SharedSession:
    """Episodes in which people act on some seats of a cast. `step` takes a step, `begin` starts an episode.

    seats: theirs. The seed determines all but their actions: levels, the order of moves, the actions of the
    others. clock: the time in seconds, from which it is known what a mark is about.
    """

    def __init__(
        self, cast: Cast, seats: Sequence[int], seed: int, clock: Callable[[], float] = time.monotonic
    ):
        self.cast, self.seats, self.seed, self.clock = cast, tuple(seats), seed, clock
        self.world, self.spec, self._game = cast.world, cast.spec, _game(cast, self.seats)
        self.episodes: list[Episode] = []
        self.begin()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the people's seats."""
        return tuple(self.spec.agents[seat] for seat in self.seats)

    @property
    def state(self) -> State:
        """The current state, on the host, not of a batch."""
        return jax.tree.map(
            lambda leaf: leaf[0], self._episode.steps[-1].state if self.t else self._episode.first
        )

    @property
    def t(self) -> int:
        """The number of steps taken in this episode."""
        return len(self._episode.steps)

    @property
    def ended(self) -> bool:
        """Whether the episode is over."""
        return self.t > 0 and _over(self._episode.steps[-1].outcome)

    @property
    def terminated(self) -> bool:
        """Whether the episode ended because the task did, and not because time ran out."""
        return self.t > 0 and bool(self._episode.steps[-1].outcome.terminated[0])

    def is_present(self, seat: int) -> bool:
        """Whether a seat is on the grid now."""
        return bool(self.state.seats.present[seat])

    def reward_of(self, seat: int) -> float:
        """The reward of a seat for the last step."""
        return _rewards(self._episode, seat)[-1] if self.t else 0.0

    def returns(self, seat: int) -> list[float]:
        """The returns of a seat in all episodes, that of the current one so far last."""
        return [float(sum(_rewards(episode, seat))) for episode in self.episodes]

    @property
    def steps(self) -> int:
        """The number of steps taken in all episodes."""
        return sum(len(episode.steps) for episode in self.episodes)

    @property
    def explains(self) -> bool:
        """Whether decisions of trained novices are explained: they act, and no person is one of them."""
        return self.cast.agent is not None and not set(self.seats) & set(self.spec.novices)

    @property
    def marked(self) -> tuple[int, int]:
        """(good, bad): how many marks people gave to the first trained novice, in all episodes."""
        given = [mark.good for episode in self.episodes for mark in episode.marks]
        return sum(given), len(given) - sum(given)

    def mark(self, good: bool, annotator: str = "me") -> bool:
        """Notes that a person finds good, or bad, what the first trained novice has just done; False if there
        is none, or it has done nothing yet.
        """
        if not self.explains or not self.t:
            return False
        ages = recent(self._episode.taken, self.clock())
        self._episode.marks.append(Given(annotator, now(), self.t, good, ages))
        return True

    def marks(self, name: str, replay: Replay) -> list[Mark]:
        """The marks of all episodes of its replay. name: the stem of the replay's file."""
        episodes = [episode for episode in self.episodes if episode.steps]
        facts = {"replay": name, "digest": digest(replay), "novice": 0}
        return [
            Mark(**facts, episode=number, **mark._asdict())
            for number, episode in enumerate(episodes)
            for mark in episode.marks
        ]

    def followed(self, novice: int) -> int | None:
        """The seat that a trained novice followed in the last step; its own where it followed none.

        None before the first step, for other seats, and for a novice that cannot follow others.
        """
        if self.cast.agent is None or novice not in self.spec.novices or not self.t:
            return None
        if novice in self.seats:
            return None
        decision = self._episode.steps[-1].decision
        if decision.values.shape[-2] < 2:
            return None
        source = int(decision.source[0, self.spec.novices.index(novice)])
        return self.spec.coplayers[source - 1] if source else novice

    def begin(
        self, seed: int | None = None, overrides: Overrides | None = None, company: str = TRAINED
    ) -> None:
        """Starts another episode on a new level; an episode without steps is dropped.

        seed: the episode's; None takes the session's and the number of the episode. overrides: parameters of
        the level, besides who is present by the cast. company: who acts in the co-players' seats, TRAINED
        (the world's own) or one of the cast's `companies`.
        """
        number = len(self.episodes)
        own = jax.random.fold_in(jax.random.key(self.seed), number)
        self._key = own if seed is None else jax.random.key(seed)
        index = jnp.int32((TRAINED, *self.cast.companies).index(company))
        with jax.debug_key_reuse(False):  # a replay keeps the keys that were used
            begin_key = jax.random.fold_in(self._key, 0)
            self._moment, reset_key = self._game.begin(
                begin_key, self._game.overrides | (overrides or {}), index
            )
        if self.episodes and not self.t:
            self.episodes.pop()
        self._episode = Episode(jax.device_get(self._moment.state), [], [], [], np.asarray(reset_key))
        self.episodes.append(self._episode)

    def prepare(self) -> None:
        """Compiles a step, so that the first one is not delayed by it."""
        with jax.debug_key_reuse(False):
            self._game.act(
                self.cast.learner_state, self._moment, self._given([0] * len(self.seats)), self._key
            )

    def step(self, actions: Sequence[int]) -> None:
        """Takes one step in which each person does this and the others act; none after the episode's end.

        actions: in the order of `seats`.
        """
        if self.ended:
            return
        with jax.debug_key_reuse(False):
            key = jax.random.fold_in(self._key, 1 + self.t)
            self._moment, played = self._game.act(
                self.cast.learner_state, self._moment, self._given(actions), key
            )
        self._episode.steps.append(jax.device_get(played))
        self._episode.taken.append(self.clock())

    def trace(self, length: int = 0) -> Trace:
        """All episodes with steps, side by side; leaves (T, B, ...). There must be one. length: T is at least
        as long.
        """
        episodes = [episode for episode in self.episodes if episode.steps]
        longest = max(length, *(len(episode.steps) for episode in episodes))
        padded = [
            (*episode.steps, *[episode.steps[-1]] * (longest - len(episode.steps))) for episode in episodes
        ]
        played = _beside([_stack(steps) for steps in padded])
        states = [
            _stack([e.first, *(step.state for step in steps)])
            for e, steps in zip(episodes, padded, strict=True)
        ]
        lengths = np.array([len(episode.steps) for episode in episodes], np.int32)
        return Trace(
            states=_beside(states),
            actions=played.actions,
            outcome=played.outcome,
            decision=played.decision,
            alive=jnp.asarray(np.arange(longest)[:, None] < lengths),
            reset_key=jnp.concatenate([episode.reset_key for episode in episodes]),
            step_key=played.step_key,
        )

    def replay(self) -> Replay:
        """All episodes with steps as a replay, with explanations of the decisions of trained novices."""
        trace = self.trace()
        arm = f"{'a person' if len(self.seats) == 1 else 'people'} as {', '.join(self.names)}"
        facts = {"experiment": self.spec.name, "arm": arm, "seed": self.seed, "step": self.cast.step}
        said = {"value_unit": self.cast.learner.value_unit, "explained": self._explained(trace)}
        said |= {"sources": self.cast.learner.sources}
        return to_replay(jax.device_get(trace), self.world, self.cast.world_json, **facts, **said)

    def demonstrations(self) -> Demonstrations:
        """The people's steps, for learners."""
        part = jax.jit(lambda trace: demonstrated(trace, self.world, self.seats))(self.trace())
        who = {"seats": self.seats, "actors": ("person",) * len(self.seats), "seed": self.seed}
        return to_demonstrations([part], self.world, self.cast.world_json, **who)

    def _explained(self, trace: Trace) -> dict[str, np.ndarray]:
        """The explanations of the trained novices for the decisions of a trace, by name."""
        if not self.explains:
            return {}
        key = jax.random.fold_in(jax.random.key(self.seed), EXPLAIN)
        return jax.device_get(self._game.explain(self.cast.learner_state, trace, key))

    @staticmethod
    def _given(actions: Sequence[int]) -> Int32[Array, " people"]:
        return jnp.array([*actions], jnp.int32)


class Session(SharedSession):
    """A session of one person. `act` takes a step, `begin` starts an episode."""

    def __init__(self, cast: Cast, seat: int, seed: int, clock: Callable[[], float] = time.monotonic):
        self.seat = seat
        super().__init__(cast, (seat,), seed, clock)

    def act(self, action: int) -> None:
        """Takes one step in which the person does this and the others act; none after the episode's end."""
        self.step((action,))

    @property
    def present(self) -> bool:
        """Whether the person is on the grid now."""
        return self.is_present(self.seat)

    @property
    def reward(self) -> float:
        """The person's reward for the last step."""
        return self.reward_of(self.seat)

    @property
    def score(self) -> float:
        """The person's return in this episode."""
        return self.returns(self.seat)[-1]

    @property
    def scores(self) -> list[float]:
        """The person's returns in the episodes before this one."""
        return self.returns(self.seat)[:-1]


class _Game:
    """The pure functions of a session, compiled once for a cast and the people's seats."""

    def __init__(self, cast: Cast, seats: tuple[int, ...]):
        self.world, self.learner, self.seats = cast.world, cast.learner, np.array(seats, np.int32)
        self.novices = np.array(cast.spec.novices, np.int32)
        self.host = hosted(cast.world, cast.learner, cast.learner_state)
        self.overrides, self.companies = cast.overrides(*seats), cast.companies
        self.begin, self.act = jax.jit(self._first), jax.jit(self._next)
        self.explain = jax.jit(partial(explanation, cast.world, cast.learner))

    def _first(
        self, key: Key[Array, ""], overrides: Overrides, company: Int32[Array, ""]
    ) -> tuple[Moment, Array]:
        level_key, reset_key = jax.random.split(key)
        state = self.world.reset(self.world.sample_level(level_key, overrides), reset_key)
        state = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], state)
        timestep = first_timestep(jax.vmap(self.world.observe)(state), self.novices)
        carry = self.learner.initial_carry(1, len(self.novices))
        coplayers = begin_coplayers(self.host, 1)
        start = Moment(state=state, timestep=timestep, carry=carry, coplayers=coplayers, company=company)
        return start, jax.random.key_data(reset_key)[None]

    def _next(
        self, learner_state: Any, moment: Moment, actions: Int32[Array, " people"], key: Key[Array, ""]
    ) -> tuple[Moment, PlayedStep]:
        act_key, host_key, step_key = jax.random.split(key, 3)
        acted = self.learner.act(learner_state, moment.carry, moment.timestep, act_key, False)
        decision = influenced(self.learner, learner_state, moment.carry, moment.timestep, acted.decision)
        given = [(self.novices, decision.action), (self.seats, actions[None])]
        hosted = self._hosted(moment.company)
        step = step_all(hosted, moment.state, moment.coplayers, given, host_key[None], step_key[None])
        played = PlayedStep(
            state=step.state,
            actions=step.actions,
            outcome=step.outcome,
            decision=self._with_people(decision, actions),
            step_key=jax.random.key_data(step_key)[None],
        )
        timestep = next_timestep(step, self.novices)
        after = replace(
            moment, state=step.state, timestep=timestep, carry=acted.carry, coplayers=step.coplayers
        )
        return after, played

    def _hosted(self, company: Int32[Array, ""]) -> Host:
        """Who acts in the co-players' seats in this company."""
        if not self.companies:
            return self.host
        return host(self.world, stand_ins(self.world.spec, self.companies, company))

    def _with_people(self, decision: Decision, actions: Int32[Array, " people"]) -> Decision:
        """The novices' decisions, with people's actions, and no values, where the seat is a person's."""
        chosen = jnp.zeros(len(self.world.spec.seats), jnp.int32).at[self.seats].set(actions)[self.novices]
        here: Bool[np.ndarray, " M"] = np.isin(self.novices, self.seats)
        return dataclasses.replace(
            decision,
            action=jnp.where(here, chosen, decision.action),
            source=jnp.where(here, 0, decision.source),
            values=jnp.where(here[:, None, None], jnp.nan, decision.values),
            influence=jnp.where(here, jnp.nan, decision.influence),
        )


@lru_cache(maxsize=4)
def _game(cast: Cast, seats: tuple[int, ...]) -> _Game:
    return _Game(cast, seats)


def _rewards(episode: Episode, seat: int) -> list[float]:
    return [float(step.outcome.reward[0, seat]) for step in episode.steps]


def _over(outcome: Outcome) -> bool:
    return bool(outcome.terminated[0] or outcome.truncated[0])


def _stack(trees: Iterable[PyTree]) -> PyTree:
    """Trees stacked along a new axis of time."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _beside(trees: list[Any]) -> Any:
    """Trees with leaves (T, 1, ...) as one with leaves (T, B, ...), on the device."""
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves, axis=1)), *trees)
