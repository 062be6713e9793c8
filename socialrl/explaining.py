"""Counterfactuals of replays: what would have become of a decision, had it been another."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.agents import Agent, load_policy, parse_address, restored
from socialrl.counterfactual import FREE, Change, Ends, at, compared, moments
from socialrl.record.explanation import Explanation, Kind, Way
from socialrl.record.replay import Replay, load
from socialrl.record.resimulation import states_until
from socialrl.results import Run
from socialrl.rollout import make_rollout
from socialrl.scene.what_if import Asked, Explain
from socialrl.types import ConceptBottleneck, Learner
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import require
from socialrl_envs.struct import replace
from socialrl_envs.types import State, World

CONTINUATIONS, DISCOUNT = 64, 0.95
ALL = "all"  # concepts
AGREEMENT = 0.9  # of decisions up to the step, below which the agent is not the one that acted

Actor = tuple[Learner, PyTree]  # and its state


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about a step of a replay.

    episode, step, novice: counted from 0. source, action: names, what should have been followed or taken;
    None, None: every source but the one that was followed, or every other action if the learner has but one
    source. instead: for how many steps a source is followed, or a concept is set. concept, value: names, what
    it should have read; value None: the truth as recorded; concept ALL: the truth of all of them.
    """

    step: int
    episode: int = 0
    novice: int = 0
    source: str | None = None
    action: str | None = None
    instead: int = 1
    continuations: int = CONTINUATIONS
    discount: float = DISCOUNT
    seed: int = 0
    concept: str | None = None
    value: str | None = None

    def check(self, replay: Replay) -> None:
        """Raises SocialRLError for what the replay does not have."""
        for name, value, count in (
            ("episode", self.episode, replay.episodes),
            ("novice", self.novice, len(replay.novices)),
        ):
            require(0 <= value < count, name, value, f"0..{count - 1} in this replay")
        steps = replay.steps(self.episode)
        require(0 <= self.step < steps, "step", self.step, f"0..{steps - 1} in episode {self.episode}")
        require(self.instead >= 1, "instead", self.instead, "at least 1")
        require(1 <= self.continuations <= 10_000, "continuations", self.continuations, "in 1..10000")
        require(0 < self.discount <= 1, "discount", self.discount, "above 0, at most 1")
        if self.source is not None and self.source not in replay.sources:
            raise unknown("source", self.source, replay.sources)
        if self.action is not None and self.action not in replay.actions:
            raise unknown("action", self.action, replay.actions)
        asked = {"a source": self.source, "an action": self.action, "a concept": self.concept}
        given = [what for what, name in asked.items() if name is not None]
        if len(given) > 1:
            raise SocialRLError(f"explain: {' and '.join(given)} are given", "ask about one of them")
        self._check_concept(replay)

    def _check_concept(self, replay: Replay) -> None:
        """Raises SocialRLError for a concept or a value that the replay does not have."""
        if self.concept is None:
            if self.value is not None:
                raise SocialRLError(f"value: {self.value!r}, but of no concept", "name it by concept")
            return
        if not replay.concepts:
            raise SocialRLError(f"{replay.name}: its novices read no concepts", "ask about an action")
        names = [one.name for one in replay.concepts]
        if self.concept not in (*names, ALL):
            raise unknown("concept", self.concept, (*names, ALL))
        if self.value is not None and self.concept == ALL:
            raise SocialRLError("value: of all concepts at once", "leave it out: all are set to the truth")
        if self.value is not None and self.value not in (
            values := replay.concepts[names.index(self.concept)].values
        ):
            raise unknown(f"value of {self.concept}", self.value, values)

    def concepts(self, replay: Replay) -> Int32[np.ndarray, " Q"]:
        """The value that each concept is set to, FREE where it is left."""
        found = np.full(len(replay.concepts), FREE, np.int32)
        if self.concept is not None:
            assert replay.concept_truth is not None
            truth = replay.concept_truth[self.episode, self.step, self.novice].astype(np.int32)
            for number, one in enumerate(replay.concepts):
                if self.concept in (one.name, ALL):
                    found[number] = truth[number] if self.value is None else one.values.index(self.value)
        return found

    def asks_action(self, replay: Replay, name: str, other: bool) -> bool:
        """Whether it asks about an action. other: whether another one was taken."""
        open_question = self._is_open and len(replay.sources) == 1
        return name == self.action or (open_question and other)

    def asks_source(self, replay: Replay, name: str, other: bool) -> bool:
        """Whether it asks about a source. other: whether another one was followed."""
        return name == self.source or (self._is_open and other)

    @property
    def _is_open(self) -> bool:
        """Whether it does not say what should have been otherwise."""
        return self.action is None and self.source is None and self.concept is None


class Explainer:
    """Answers questions about one replay; its programs are compiled once for all steps and episodes.

    learner, state: the agent that acted in the novices' seats.
    """

    def __init__(self, replay: Replay, learner: Learner, state: PyTree):
        self.replay, self.learner, self.state = replay, learner, state
        self._program: Callable[..., tuple[Ends, Array, Array]] | None = None

    def explain(self, question: Question) -> Explanation:
        """The Explanation that answers a question. Raises SocialRLError for a step that the replay does not
        have, if the world does something else now than was recorded, and if another agent acted.
        """
        replay = self.replay
        question.check(replay)
        world, states = states_until(replay, question.episode, question.step)
        ways, changes = self._ways(question)
        program = self._compiled(world)
        ends, actions, sources = program(
            self.state,
            _padded(states, replay.action.shape[1] + 1),
            jnp.asarray(replay.action[question.episode].astype(np.int32)),
            jnp.asarray(replay.reward[question.episode]),
            jnp.int32(question.step),
            changes,
            jnp.float32(question.discount),
            jax.random.key(question.seed),
            count=question.continuations,
        )
        agreement = self._agreement(question, np.asarray(actions), np.asarray(sources))
        found = jax.device_get(ends)
        made = [self._way(kind, name, found, number, question) for number, (kind, name) in enumerate(ways)]
        return Explanation(
            replay=replay,
            episode=question.episode,
            step=question.step,
            novice=question.novice,
            instead=question.instead,
            discount=question.discount,
            agreement=agreement,
            recorded=made[0],
            others=tuple(made[1:]),
        )

    def _ways(self, question: Question) -> tuple[list[tuple[Kind, str]], Change]:
        """(kind, name) of the recorded way and of the others, and their Changes, leaves (ways, novices)."""
        replay, novice = self.replay, question.novice
        here = (question.episode, question.step)
        made = replay.action[here][list(replay.novices)].astype(np.int32)
        followed = int(replay.source[(*here, novice)])
        ways: list[tuple[Kind, str]] = [("recorded", replay.sources[followed])]
        rows = [(made, np.full_like(made, FREE))]
        for number, name in enumerate(replay.actions):
            if question.asks_action(replay, name, bool(number != made[novice])):
                taken = made.copy()
                taken[novice] = number
                ways.append(("action", name))
                rows.append((taken, np.full_like(made, FREE)))
        for number, name in enumerate(replay.sources):
            if question.asks_source(replay, name, number != followed):
                left, source = made.copy(), np.full_like(made, FREE)
                left[novice], source[novice] = FREE, number
                ways.append(("source", name))
                rows.append((left, source))
        reads = self.learner.capability(ConceptBottleneck) is not None
        if question.concept is not None and not reads:
            raise SocialRLError("concept: this agent reads none", "give the agent that acted")
        if question.concept is not None:
            left = made.copy()
            left[novice] = FREE
            ways.append(("concept", question.concept))
            rows.append((left, np.full_like(made, FREE)))
        steps = np.full(len(rows), question.instead, np.int32)
        steps[0] = 0
        action, source = (jnp.asarray(np.stack(part)) for part in zip(*rows, strict=True))
        concepts = None
        if reads and replay.concepts:
            read = np.full((*source.shape, len(replay.concepts)), FREE, np.int32)
            read[-1, novice] = question.concepts(replay)
            concepts = jnp.asarray(read)
        return ways, Change(action=action, source=source, steps=jnp.asarray(steps), concepts=concepts)

    def _compiled(self, world: World) -> Callable[..., tuple[Ends, Array, Array]]:
        """The program that continues an episode from a step in all ways, and re-decides the steps before."""
        if self._program is None:
            rollout = make_rollout(world, self.learner)

            def go_on(
                state: PyTree,
                states: State,
                actions: Int32[Array, "T N"],
                reward: Array,
                step: Int32[Array, ""],
                changes: Change,
                discount: Float32[Array, ""],
                key: Key[Array, ""],
                count: int,
            ) -> tuple[Ends, Array, Array]:
                remember_key, go_on_key = jax.random.split(key)
                lived = jax.tree.map(lambda leaf: leaf[:, None], (states, actions, reward))
                there = moments(rollout, state, lived[0], lived[1], lived[2], remember_key)
                now = at(there, step[None], jnp.zeros(1, jnp.int32), count)
                wide = jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], count, axis=1), changes)
                wide = replace(wide, steps=changes.steps)
                ends = compared(rollout, state, now, wide, go_on_key, discount)
                return ends, there.decision.action[:, 0], there.decision.source[:, 0]

            self._program = jax.jit(go_on, static_argnames="count")
        return self._program

    def _agreement(
        self, question: Question, actions: Int32[np.ndarray, "T M"], sources: Int32[np.ndarray, "T M"]
    ) -> float:
        """The share of the novices' decisions up to the step that the agent makes as recorded; raises
        SocialRLError if it is another agent.
        """
        replay, upto = self.replay, question.step + 1
        recorded = replay.during("action", question.episode)[:upto, list(replay.novices)]
        followed = replay.during("source", question.episode)[:upto]
        there = replay.states("present", question.episode)[:upto, list(replay.novices)]
        same = (actions[:upto] == recorded) & (sources[:upto] == followed)
        share = float(same[there].mean()) if there.any() else 1.0
        if share < AGREEMENT:
            raise SocialRLError(
                f"{replay.experiment}, {replay.arm}, seed {replay.seed}: the agent decides otherwise than "
                f"recorded in {1 - share:.0%} of the steps",
                "give the agent that acted, greedily, by --agent RUN:ARM:SEED or --agent FILE",
            )
        return share

    def _way(self, kind: Kind, name: str, ends: Ends, number: int, question: Question) -> Way:
        """One way on, of the novice in question."""
        novice = question.novice
        position, alive, action, returns, discounted = (
            np.asarray(leaf[number])
            for leaf in (ends.position, ends.alive, ends.action, ends.returns, ends.discounted)
        )
        length = alive.sum(axis=0).astype(np.int32)
        return Way(
            kind=kind,
            name=name,
            words=self._words(kind, name, question),
            action=action[:, novice],
            returns=returns[:, novice],
            discounted=discounted[:, novice],
            path=np.swapaxes(position[: length.max() + 1, :, novice], 0, 1).astype(np.uint8),
            length=length,
        )

    def _words(self, kind: Kind, name: str, question: Question) -> str:
        """What a way means in words."""
        if kind == "concept":
            if name == ALL:
                return "read all concepts right"
            number = [one.name for one in self.replay.concepts].index(name)
            value = question.concepts(self.replay)[number]
            meant = "as it did" if value == FREE else f"as {self.replay.concepts[number].values[value]}"
            return f"read {name} {meant}"
        if kind == "action":
            return f"taken {name}"
        if name == "self":
            return "acted for itself"
        return f"followed {name}" if name in self.replay.agents else f"acted by {name}"


def _padded(states: State, count: int) -> State:
    """The states, leaves (T, ...), with the last one repeated, so that there are `count`; on the host, where
    nothing is compiled for each count.
    """

    def padded(leaf: Array) -> np.ndarray:
        array = np.asarray(leaf)
        return np.concatenate([array, np.repeat(array[-1:], count - len(array), axis=0)])

    return jax.tree.map(padded, states)


def actor_of(replay: Replay, path: Path | None, agent: Agent | Run | str | Path | None) -> Actor:
    """The agent that acted in a replay: the one that is given, or that of the run in whose folder the replay
    lies. Raises SocialRLError if there is none, or one that does not fit.

    agent: "RUN", "RUN:ARM" or "RUN:ARM:SEED" as text; arm and seed are those of the replay if not given.
    """
    if isinstance(agent, Agent):
        return _of_agent(replay, agent)
    if isinstance(agent, Run):
        return _of_run(replay, agent.path, None, None)
    if agent is not None:
        if Path(agent).is_file():
            return _of_agent(replay, load_policy(agent))
        run, arm, seed = parse_address(str(agent))
        return _of_run(replay, run, arm, seed if str(agent).count(":") > 1 else None)
    if path is None or not (path.absolute().parent.parent / "config.json").is_file():
        where = "the replay" if path is None else f"{path}"
        raise SocialRLError(
            f"{where}: no run that it belongs to", "name its agent: --agent RUN:ARM:SEED or FILE"
        )
    return _of_run(replay, path.absolute().parent.parent, None, None)


def _of_agent(replay: Replay, agent: Agent) -> Actor:
    """The agent in all novices' seats; raises SocialRLError if it learnt with other views or actions."""
    for name, recorded, learnt in (
        ("obs_shape", replay.obs_shape, agent.spec.obs_shape),
        ("actions", replay.actions, agent.spec.actions),
    ):
        if recorded != learnt:
            raise SocialRLError(
                f"{agent.facts.title} learnt with {name} {learnt}, the replay has {recorded}",
                "give the agent that acted",
            )
    return agent.acting.as_learner(), agent.leaves


def _of_run(replay: Replay, run: Path, arm: str | None, seed: int | None) -> Actor:
    """The learner of a run and its state; arm and seed are those of the replay if they are None."""
    made, state, step = restored(run, arm or replay.arm, replay.seed if seed is None else seed)
    if arm is None and seed is None and step != replay.step:
        raise SocialRLError(
            f"{run}: recorded after {replay.step} steps, the last checkpoint is of step {step}",
            "explain replays of a finished run, or name an agent by --agent",
        )
    return made.learner, state


def explain(
    replay: Replay | str | Path,
    step: int,
    *,
    episode: int = 0,
    novice: int = 0,
    source: str | None = None,
    action: str | None = None,
    agent: Agent | Run | str | Path | None = None,
    instead: int = 1,
    continuations: int = CONTINUATIONS,
    discount: float = DISCOUNT,
    seed: int = 0,
    concept: str | None = None,
    value: str | None = None,
) -> Explanation:
    """How an episode of a replay could have gone on from one of its steps, had the decision been another.

    The episode is run again up to the step, exactly as it was recorded, which checksums prove. From there it
    is continued to its end by the same agent, `continuations` times with fresh random numbers, once with the
    decision as it was made, and once with each other one.

    replay: a Replay, or the file of one. step, episode, novice: counted from 0. source: whom it should have
    followed, a name of `replay.sources`; action: what it should have done; None, None: every other source, or
    every other action of a learner with but one source.
    agent: that acted; None takes it from the run folder in which the file lies. instead: for how many steps
    the source is followed. discount: per step, of the discounted returns. seed: of the random numbers.
    concept, value: what a novice with a concept bottleneck should have read, names of `replay.concepts`;
    value None: the truth; concept "all": the truth of all concepts.

        socialrl.explain("runs/coin_grid/001/replays/psiphi-seed0.npz", step=12)

    Raises SocialRLError for a step, source or action that the replay does not have, if the code of the world
    has changed since, and if the agent is not the one that acted.
    """
    path = None if isinstance(replay, Replay) else Path(replay)
    read = replay if isinstance(replay, Replay) else load(replay)
    question = Question(
        step=step,
        episode=episode,
        novice=novice,
        source=source,
        action=action,
        instead=instead,
        continuations=continuations,
        discount=discount,
        seed=seed,
        concept=concept,
        value=value,
    )
    question.check(read)
    return Explainer(read, *actor_of(read, path, agent)).explain(question)


def answers(files: Sequence[Path]) -> Explain:
    """A function from what is asked in a viewer of these files to the Explanation.

    Agents are loaded, and programs compiled, when they are first needed.
    """
    made: dict[int, Explainer] = {}

    def answer(asked: Asked) -> Explanation:
        if asked.which not in made:
            replay = load(files[asked.which])
            made[asked.which] = Explainer(replay, *actor_of(replay, files[asked.which], None))
        question = Question(
            step=asked.step,
            episode=asked.episode,
            novice=asked.novice,
            concept=asked.concept or None,
            value=asked.value or None,
        )
        return made[asked.which].explain(question)

    return answer
