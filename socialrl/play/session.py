"""A session: a person acts on one seat of a world, step by step, and all of it is recorded. No window."""

import dataclasses
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, Key, PyTree

from socialrl.play.cast import Cast
from socialrl.record.demonstrations import Demonstrations
from socialrl.record.replay import Replay
from socialrl.recording import demonstrated, explanation, to_demonstrations, to_replay
from socialrl.rollout import Trace, influenced
from socialrl.stepping import CoPlayers, begin_coplayers, first_timestep, next_timestep, step_all
from socialrl.types import Decision, Timestep
from socialrl_envs.hosting import host
from socialrl_envs.struct import pytree
from socialrl_envs.types import Outcome, State

EXPLAIN = 0xE791  # folded into a session's key for explanations; episodes fold in their number


@pytree
class Moment:
    """The world and the novices' carries between two steps; leaves (1, ...), a batch of one world."""

    state: State
    timestep: Timestep
    carry: Any
    coplayers: CoPlayers


@pytree
class PlayedStep:
    """One step as a Trace holds it; leaves (1, ...). state: the state after it."""

    state: State
    actions: Int32[Array, "1 N"]
    outcome: Outcome
    decision: Decision
    step_key: Array


class Episode(NamedTuple):
    """An episode on the host: its first state, its steps, and the raw key of its reset."""

    first: State
    steps: list[PlayedStep]
    reset_key: np.ndarray


class Session:
    """Episodes in which a person acts on one seat of a cast. `act` takes a step, `begin` starts an episode.

    The seed determines all but the person's actions: levels, the order of moves, the actions of the others.
    """

    def __init__(self, cast: Cast, seat: int, seed: int):
        self.cast, self.seat, self.seed = cast, seat, seed
        self.world, self.spec, self._game = cast.world, cast.spec, _game(cast, seat)
        self.episodes: list[Episode] = []
        self.begin()

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

    @property
    def present(self) -> bool:
        """Whether the person is on the grid now."""
        return bool(self.state.seats.present[self.seat])

    @property
    def reward(self) -> float:
        """The person's reward for the last step."""
        return self._rewards(self._episode)[-1] if self.t else 0.0

    @property
    def score(self) -> float:
        """The person's return in this episode."""
        return float(sum(self._rewards(self._episode)))

    @property
    def scores(self) -> list[float]:
        """The person's returns in the episodes before this one."""
        return [float(sum(self._rewards(episode))) for episode in self.episodes[:-1]]

    @property
    def steps(self) -> int:
        """The number of steps taken in all episodes."""
        return sum(len(episode.steps) for episode in self.episodes)

    @property
    def explains(self) -> bool:
        """Whether decisions of trained novices are explained: they act, and the person is none of them."""
        return self.cast.agent is not None and self.seat not in self.spec.novices

    def followed(self, novice: int) -> int | None:
        """The seat that a trained novice followed in the last step; its own where it followed none.

        None before the first step, for other seats, and for a novice that cannot follow others.
        """
        if self.cast.agent is None or novice not in self.spec.novices or novice == self.seat or not self.t:
            return None
        decision = self._episode.steps[-1].decision
        if decision.values.shape[-2] < 2:
            return None
        source = int(decision.source[0, self.spec.novices.index(novice)])
        return self.spec.coplayers[source - 1] if source else novice

    def begin(self) -> None:
        """Starts another episode on a new level; an episode without steps is dropped."""
        number = len(self.episodes)
        self._key = jax.random.fold_in(jax.random.key(self.seed), number)
        with jax.debug_key_reuse(False):  # a replay keeps the keys that were used
            self._moment, reset_key = self._game.begin(jax.random.fold_in(self._key, 0))
        if self.episodes and not self.t:
            self.episodes.pop()
        self._episode = Episode(jax.device_get(self._moment.state), [], np.asarray(reset_key))
        self.episodes.append(self._episode)

    def prepare(self) -> None:
        """Compiles a step, so that the first one is not delayed by it."""
        with jax.debug_key_reuse(False):
            self._game.act(self.cast.learner_state, self._moment, jnp.int32(0), self._key)

    def act(self, action: int) -> None:
        """Takes one step in which the person does this and the others act; none after the episode's end."""
        if self.ended:
            return
        with jax.debug_key_reuse(False):
            key = jax.random.fold_in(self._key, 1 + self.t)
            self._moment, played = self._game.act(
                self.cast.learner_state, self._moment, jnp.int32(action), key
            )
        self._episode.steps.append(jax.device_get(played))

    def trace(self) -> Trace:
        """All episodes with steps, side by side; leaves (T, B, ...). There must be one."""
        episodes = [episode for episode in self.episodes if episode.steps]
        longest = max(len(episode.steps) for episode in episodes)
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
        arm = f"a person as {self.spec.agents[self.seat]}"
        facts = {"experiment": self.spec.name, "arm": arm, "seed": self.seed, "step": self.cast.step}
        said = {"value_unit": self.cast.learner.value_unit, "explained": self._explained(trace)}
        said |= {"sources": self.cast.learner.sources}
        return to_replay(jax.device_get(trace), self.world, self.cast.world_json, **facts, **said)

    def demonstrations(self) -> Demonstrations:
        """The person's steps, for learners."""
        part = jax.jit(lambda trace: demonstrated(trace, self.world, (self.seat,)))(self.trace())
        who = {"seats": (self.seat,), "actors": ("person",), "seed": self.seed}
        return to_demonstrations([part], self.world, self.cast.world_json, **who)

    def _explained(self, trace: Trace) -> dict[str, np.ndarray]:
        """The explanations of the trained novices for the decisions of a trace, by name."""
        if not self.explains:
            return {}
        key = jax.random.fold_in(jax.random.key(self.seed), EXPLAIN)
        return jax.device_get(self._game.explain(self.cast.learner_state, trace, key))

    def _rewards(self, episode: Episode) -> list[float]:
        return [float(step.outcome.reward[0, self.seat]) for step in episode.steps]


class _Game:
    """The pure functions of a session, compiled once for a cast and a seat."""

    def __init__(self, cast: Cast, seat: int):
        self.world, self.learner, self.seat = cast.world, cast.learner, seat
        self.novices = np.array(cast.spec.novices, np.int32)
        self.host, self.overrides = host(cast.world), cast.overrides(seat)
        self.begin, self.act = jax.jit(self._first), jax.jit(self._next)
        self.explain = jax.jit(partial(explanation, cast.world, cast.learner))

    def _first(self, key: Key[Array, ""]) -> tuple[Moment, Array]:
        level_key, reset_key = jax.random.split(key)
        state = self.world.reset(self.world.sample_level(level_key, self.overrides), reset_key)
        state = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], state)
        timestep = first_timestep(jax.vmap(self.world.observe)(state), self.novices)
        carry = self.learner.initial_carry(1, len(self.novices))
        coplayers = begin_coplayers(self.host, 1)
        start = Moment(state=state, timestep=timestep, carry=carry, coplayers=coplayers)
        return start, jax.random.key_data(reset_key)[None]

    def _next(
        self, learner_state: Any, moment: Moment, action: Int32[Array, ""], key: Key[Array, ""]
    ) -> tuple[Moment, PlayedStep]:
        act_key, host_key, step_key = jax.random.split(key, 3)
        acted = self.learner.act(learner_state, moment.carry, moment.timestep, act_key, False)
        decision = influenced(self.learner, learner_state, moment.carry, moment.timestep, acted.decision)
        given = [(self.novices, decision.action), ((self.seat,), action[None, None])]
        step = step_all(self.host, moment.state, moment.coplayers, given, host_key[None], step_key[None])
        played = PlayedStep(
            state=step.state,
            actions=step.actions,
            outcome=step.outcome,
            decision=self._with_person(decision, action),
            step_key=jax.random.key_data(step_key)[None],
        )
        timestep = next_timestep(step, self.novices)
        after = Moment(state=step.state, timestep=timestep, carry=acted.carry, coplayers=step.coplayers)
        return after, played

    def _with_person(self, decision: Decision, action: Int32[Array, ""]) -> Decision:
        """The novices' decisions, with the person's action, and no values, if that seat is a novice's."""
        here: Bool[np.ndarray, " M"] = self.novices == self.seat
        return dataclasses.replace(
            decision,
            action=jnp.where(here, action, decision.action),
            source=jnp.where(here, 0, decision.source),
            values=jnp.where(here[:, None, None], jnp.nan, decision.values),
            influence=jnp.where(here, jnp.nan, decision.influence),
        )


@lru_cache(maxsize=4)
def _game(cast: Cast, seat: int) -> _Game:
    return _Game(cast, seat)


def _over(outcome: Outcome) -> bool:
    return bool(outcome.terminated[0] or outcome.truncated[0])


def _stack(trees: Iterable[PyTree]) -> PyTree:
    """Trees stacked along a new axis of time."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _beside(trees: list[Any]) -> Any:
    """Trees with leaves (T, 1, ...) as one with leaves (T, B, ...), on the device."""
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves, axis=1)), *trees)
