"""Trained agents that act: from a run or an exported file, called with NumPy arrays or traced by JAX."""

import dataclasses
import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.acting import Acting, AgentCarry, check_fits, fitted, leaves_by_path, leaves_read, template_of
from socialrl.assemble import Assembly, assemble
from socialrl.coerce import build, coerce
from socialrl.config import Arm, Experiment, load_experiment, to_json
from socialrl.learners import dqn, ppo
from socialrl.learners._config import OffPolicyConfig
from socialrl.population import TrainedPopulation, stack
from socialrl.record import agent_file, filmstrip, folder, replay
from socialrl.record.agent_file import AgentFacts
from socialrl.registry import LEARNER, WORLD
from socialrl.types import Decision, LearnerConfig
from socialrl.web import notebook
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.types import WorldSpec

Storage = Literal["float32", "float16"]
Values = np.ndarray | np.generic | Array  # checked when they are used, and not by their type


class Step(NamedTuple):
    """What an agent did: the action, int32 (*batch), and the decision behind it, with NumPy leaves."""

    action: Int32[np.ndarray, "*batch"]
    decision: Decision


Init = Callable[[], AgentCarry]
Apply = Callable[[AgentCarry, Array, Array, Array, Array], tuple[Array, Decision, AgentCarry]]


class Agent:
    """A trained agent.

        agent = socialrl.load_agent("runs/coin_grid/001", arm="psiphi", seed=0)
        agent.reset()
        step = agent.act(observation)                 # uint8 (V, V, C), or (B, V, V, C) for a batch
        step = agent.act(observation, reward=1.0)     # the next step; the memory is kept in between

    It is a co-player, too: wherever a policy of co-players is taken, an Agent can be given.

    spec: the facts of the world in which it learnt. config: the Config of its learner. facts: what is known
    of it. leaves: its parameters by path. greedy: whether it acts as in evaluations; False draws actions as
    while training. recorded: the file of its recorded episodes, for an agent of a run; a notebook shows them.
    """

    def __init__(self, facts: AgentFacts, leaves: Mapping[str, np.ndarray | Array], *, greedy: bool = True):
        """Raises SocialRLError if the facts or the leaves are not those of one agent."""
        self.facts, self.greedy = facts, greedy
        self.recorded: Path | None = None
        self.config = _config_of(facts)
        self.spec: WorldSpec = build(WorldSpec, facts.spec, "spec")
        if facts.novice >= len(self.spec.novices):
            count = len(self.spec.novices)
            raise SocialRLError(f"novice {facts.novice}: the world has {count}", "they are counted from 0")
        template = template_of(self.config, self.spec, facts.unroll_length, facts.num_envs)
        read = leaves_read(self.config, self.spec, template, facts.novice)
        self.leaves = fitted(template, read, leaves)
        learner = self.config.build(self.spec)  # only now, as its sizes are those of the leaves
        self.acting = Acting(learner=learner, spec=self.spec, template=template, novice=facts.novice)
        self._rows = jax.jit(self._step, static_argnames="explore")
        self.reset()

    # acting, with NumPy

    def reset(self, batch: int | None = None, seed: int = 0) -> None:
        """Begins a new episode: the memory is forgotten.

        batch: how many episodes side by side; None takes it from the next observation. seed: of the actions
        that are drawn at random, if any are.
        """
        self._batch, self._carry = batch, None
        self._time, self._key = 0, jax.random.key(seed)

    def act(
        self, observation: Values, reward: float | Values = 0.0, first: bool | Values | None = None
    ) -> Step:
        """The action for an observation, and the decision behind it.

        observation: uint8 (V, V, C), or (B, V, V, C) for a batch, whose size stays until `reset`. reward:
        what the last action was paid, a number or (B,). first: where an episode begins with this observation;
        None means at the first call after `reset` only. Raises SocialRLError for another shape or dtype.
        """
        views, single = self._views(observation)
        count = views.shape[0]
        if self._carry is None:
            self._batch, self._carry = None if single else count, self.acting.agent_carry(count)
            first = True if first is None else first
        rewards = _rows_of("reward", reward, np.float32, count)
        starts = _rows_of("first", False if first is None else first, np.bool_, count)
        key = jax.random.fold_in(self._key, self._time)
        decision, self._carry = self._rows(
            self.leaves, self._carry, jnp.asarray(views), rewards, starts, key, explore=not self.greedy
        )
        self._time += 1
        decision = jax.tree.map(lambda x: np.asarray(x)[0] if single else np.asarray(x), decision)
        return Step(decision.action, decision)

    def _views(self, observation: Values) -> tuple[np.ndarray, bool]:
        """The observation as a batch, and whether it was a single one."""
        views, shape = np.asarray(observation), self.spec.obs_shape
        single = views.shape == shape
        batch = None if single else views.shape[:1]
        good = single or (views.ndim == 4 and views.shape[1:] == shape)
        if not good or views.dtype != np.uint8:
            wanted = f"uint8 {shape}, or a batch of these"
            raise SocialRLError(f"observation: {views.dtype} {views.shape}", f"the agent takes {wanted}")
        expected = None if self._batch is None else (self._batch,)
        begun = self._carry is not None or self._batch is not None
        if begun and batch != expected:
            now, before = views.shape[:-3], expected or ()
            raise SocialRLError(
                f"observation: a batch of shape {now}, before it was {before}", "call reset()"
            )
        return views[None] if single else views, single

    # acting, traced

    def pure(self) -> tuple[Init, Apply]:
        """(init, apply), pure functions of one agent, for jit, vmap and scan.

        init() -> carry. apply(carry, observation, reward, first, key) -> (action, decision, carry), with
        observation uint8 (V, V, C), reward float32 () of the last step, first bool () where an episode
        begins, a typed PRNG key, and action int32 ().

            init, apply = agent.pure()
            action, decision, carry = apply(init(), observation, 0.0, True, jax.random.key(0))
        """
        return self.initial_carry, self.apply

    def initial_carry(self) -> AgentCarry:
        """What the agent keeps before its first step."""
        return self.acting.agent_carry()

    def apply(
        self,
        carry: AgentCarry,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""] | float,
        first: Bool[Array, ""] | bool,
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], Decision, AgentCarry]:
        """Action, decision and carry of one step, see `pure`."""
        paid, begins = jnp.asarray(reward, jnp.float32), jnp.asarray(first, bool)
        rows = jax.tree.map(lambda x: jnp.asarray(x)[None], (carry, observation, paid, begins))
        decision, after = jax.tree.map(
            lambda x: x[0], self._rows(self.leaves, *rows, key, explore=not self.greedy)
        )
        return decision.action, decision, after

    def apply_policy(
        self,
        carry: AgentCarry,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""],
        first: Bool[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], AgentCarry]:
        """Action and carry of one step: what a co-player does."""
        action, _, after = self.apply(carry, observation, reward, first, key)
        return action, after

    def _step(
        self,
        leaves: Mapping[str, Array],
        carry: AgentCarry,
        views: UInt8[Array, "N V V C"],
        rewards: Float32[Array, " N"],
        first: Bool[Array, " N"],
        key: Key[Array, ""],
        explore: bool,
    ) -> tuple[Decision, AgentCarry]:
        """Decisions and carries of N agents."""
        timestep = self.acting.timestep(carry, views, rewards, first)
        decision, memory = self.acting.act(leaves, carry.memory, timestep, key, explore)
        influence = self.acting.influence(leaves, carry.memory, timestep)
        decision = dataclasses.replace(decision, influence=influence)
        return decision, AgentCarry(memory=memory, action=decision.action)

    # what it is

    def check_fits(self, spec: WorldSpec, where: str = "") -> None:
        """Raises SocialRLError naming the first fact in which a world differs from the one learnt in.

        where: begins the message, e.g. a file's name.
        """
        begin = f"{where}: " if where else ""
        check_fits(self.spec, spec, f"{begin}{self.facts.title}")

    def save(self, path: str | Path, dtype: Storage = "float32") -> None:
        """Writes the agent into one .npz file that `socialrl.load_agent` reads.

        dtype: how floating-point parameters are stored. "float16" halves the file; each parameter is rounded
        by at most 1 in 2048 of itself, so that values differ slightly and an action may, where two are worth
        nearly the same. They are float32 again once loaded. Raises SocialRLError if the file cannot be
        written, or a parameter is beyond the range of float16.
        """
        if dtype not in ("float32", "float16"):
            raise SocialRLError(f"dtype: {dtype!r}", "it must be float32 or float16")
        arrays = {name: _stored(name, leaf, dtype) for name, leaf in self.leaves.items()}
        agent_file.save(path, self.facts, arrays)

    @property
    def world(self) -> Any:
        """The Config of the world in which it learnt; raises SocialRLError if it is not known here."""
        return coerce(Annotated[Any, WORLD], self.facts.world, "world")

    @property
    def parameters(self) -> int:
        """The number of numbers in its parameters."""
        return sum(leaf.size for leaf in self.leaves.values())

    def __repr__(self) -> str:
        return f"Agent({self.facts.title}, {self.facts.learner['name']}, {self.parameters:,} parameters)"

    def _repr_html_(self) -> str:
        """A table of what is known of the agent, and pictures of an episode if one is recorded."""
        cells = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._known()
        )
        return f"<table>{cells}</table>" + "".join(map(filmstrip.html, self._replays()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The table and the player with its recorded episodes, for notebooks with anywidget."""
        return notebook.bundle(self._replays(), [self.facts.title], notebook.Facts(rows=self._known()))

    def _display_(self) -> Any:
        """The same for marimo."""
        facts = notebook.Facts(rows=self._known())
        return notebook.display(self._replays(), [self.facts.title], self._repr_html_(), facts)

    def _known(self) -> list[tuple[str, str]]:
        """What is known of the agent: names and texts."""
        return [
            ("agent", self.facts.title),
            ("learner", self.facts.learner["name"]),
            ("world", self.spec.name),
            ("observation", f"uint8 {self.spec.obs_shape}: {', '.join(self.spec.channels)}"),
            ("actions", ", ".join(self.spec.actions)),
            ("parameters", f"{self.parameters:,}"),
        ]

    def _replays(self) -> list[replay.Replay]:
        """Its recorded episodes: one replay, or none if there is none that can be read."""
        try:
            return [] if self.recorded is None else [replay.load(self.recorded)]
        except SocialRLError:
            return []


def _rows_of(name: str, value: object, dtype: type[np.generic], count: int) -> Array:
    """A number for each of `count` rows; raises SocialRLError unless it is one number, or that many."""
    array = np.asarray(value)
    if array.shape not in ((), (count,)):
        raise SocialRLError(f"{name}: shape {array.shape}", f"give one number, or {count}, one per row")
    return jnp.asarray(np.broadcast_to(array.astype(dtype), (count,)))


def load_policy(path: str | Path, greedy: bool = True) -> Agent:
    """The agent of an exported file. No code is run that the file brings or names outside of the registry.

    Raises SocialRLError in one line that names the file if it is damaged, of another version, or of a learner
    that is not known.
    """
    facts, arrays = agent_file.load(path)
    try:
        return Agent(facts, arrays, greedy=greedy)
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:  # its config is valid JSON of the right types, and yet cannot be built
        cause = " ".join(str(error).split())[:200]
        raise SocialRLError(
            f"{path}: its learner cannot be built: {type(error).__name__}: {cause}"
        ) from error


def population(agents: Sequence[Agent], greedy: bool | None = None) -> TrainedPopulation:
    """Agents of one learner as a policy of which the level says who acts, see `Params.partner`.

    greedy: whether they act as in evaluations; None: as the first one does. Raises SocialRLError unless they
    are of one learner, in worlds with the same views and actions.
    """
    leaves = stack([agent.leaves for agent in agents])
    for agent in agents[1:]:
        agent.check_fits(agents[0].spec)
        if agent.config != agents[0].config:
            raise SocialRLError(f"{agent.facts.title}: another learner than the first agent's")
    greedy = agents[0].greedy if greedy is None else greedy
    return TrainedPopulation(acting=agents[0].acting, leaves=leaves, greedy=greedy)


def load_trained(
    run: str | Path,
    arm: str | None = None,
    seed: int = 0,
    *,
    greedy: bool = True,
    novice: int = 0,
    generation: int | None = None,
) -> Agent:
    """The agent in the last checkpoint of one seed of an arm of a run.

    arm: its name; None takes the only one. seed: counted from 0. novice: its number among the novices.
    generation: of an arm with generations, counted from 1; None takes the last one. Raises SocialRLError if
    there is no such run, arm, seed, novice, generation, or checkpoint.
    """
    made, state, step = restored(run, arm, seed)
    experiment, chosen = made.experiment, made.arm
    leaves = leaves_by_path(state)
    if made.generations is not None:
        leaves = made.generations.agent(state, generation)
        step = min(step, made.generations.timeline.ends[-1 if generation is None else generation - 1])
    elif generation not in (None, 1):
        raise SocialRLError(f"generation {generation}: arm {chosen.name} has one", "leave --generation out")
    plain = to_json(dataclasses.replace(experiment, world=experiment.world_of(chosen)))
    facts = AgentFacts(
        learner=plain["arms"][-1]["learner"],
        world=plain["world"],
        spec=json.loads(json.dumps(dataclasses.asdict(made.world.spec))),
        unroll_length=experiment.unroll_length,
        num_envs=experiment.num_envs,
        novice=novice,
        experiment=experiment.name,
        arm=chosen.name,
        seed=seed,
        step=step,
        versions=folder.versions(),
    )
    agent = Agent(facts, leaves, greedy=greedy)
    agent.recorded = folder.RunFolder(Path(run), {}).replay(chosen.name, seed)
    return agent


def restored(run: str | Path, arm: str | None = None, seed: int = 0) -> tuple[Assembly, PyTree, int]:
    """(parts of the arm, state of its learner, step) of the last checkpoint of one seed of an arm of a run.

    The arm is the last one of the assembly's experiment, after those of its partners. Raises SocialRLError as
    `load_trained`.
    """
    path = Path(run)
    if not (path / "config.json").is_file():
        raise SocialRLError(f"{path}: not a run folder", "it has no config.json")
    experiment = load_experiment(path)
    chosen = find_arm(experiment, arm, path)
    check_seed(experiment, seed, f"{path}:{chosen.name}:{seed}")
    alone = dataclasses.replace(experiment, arms=tuple(map(_without_files, experiment.arms))).alone(
        _without_files(chosen)
    )
    made = assemble(alone, alone.arms[-1])
    states, step = made.restored(path, folder.RunFolder(path, {}).checkpoints(chosen.name))
    return made, states[seed].learner, step


def parse_address(text: str) -> tuple[Path, str | None, int]:
    """(run folder, arm or None, seed) that `RUN`, `RUN:ARM` or `RUN:ARM:SEED` means; raises SocialRLError."""
    run, *rest = text.split(":")
    arm, seed = (*rest, "", "")[:2]
    if len(rest) > 2 or not (seed or "0").isdecimal():
        example = "runs/coin_grid/001:psiphi:0"
        raise SocialRLError(f"{text!r} names no agent", f"write RUN, RUN:ARM or RUN:ARM:SEED, e.g. {example}")
    return Path(run), arm or None, int(seed or 0)


def find_arm(experiment: Experiment, name: str | None, path: Path) -> Arm:
    """The arm of this name, or the only one. path: the run folder, named in the error."""
    arms = {arm.name: arm for arm in experiment.arms}
    if name is None and len(arms) > 1:
        known = ", ".join(arms)
        raise SocialRLError(
            f"{path}: the run has arms {known}", f"choose one, e.g. {path}:{next(iter(arms))}"
        )
    if name is not None and name not in arms:
        raise unknown("arm", name, arms)
    return arms[name] if name is not None else experiment.arms[0]


def check_seed(experiment: Experiment, seed: int, where: str) -> None:
    """Raises SocialRLError unless the run has a seed of this number, counted from 0."""
    if not 0 <= seed < experiment.seeds:
        raise SocialRLError(f"{where}: seed {seed}", f"the run has seeds 0..{experiment.seeds - 1}")


def _without_files(arm: Arm) -> Arm:
    """The arm without files of demonstrations and answers, which are for training alone."""
    learner = arm.learner
    if isinstance(learner, dqn.Config | ppo.Config) and learner.comparisons is not None:
        asked = max(learner.comparisons.labels, 1)
        apart = dataclasses.replace(learner.comparisons, answers="", labels=asked)
        learner = dataclasses.replace(learner, comparisons=apart)
    if isinstance(learner, OffPolicyConfig):
        learner = dataclasses.replace(learner, demonstrations="", offline=0)
    return dataclasses.replace(arm, learner=learner)


def _config_of(facts: AgentFacts) -> LearnerConfig:
    """The Config of the learner; raises SocialRLError if it is not known."""
    name = facts.learner["name"]
    try:
        LEARNER.config(name)
    except SocialRLError as error:
        raise SocialRLError(f"unknown learner {name!r}", "allow it by --plugin FILE_OR_MODULE") from error
    return coerce(Annotated[Any, LEARNER], facts.learner, "learner")


def _stored(name: str, leaf: Array, dtype: Storage) -> np.ndarray:
    """The leaf as it is stored."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf))
    array = np.asarray(leaf)
    if array.dtype != np.float32 or dtype == "float32":
        return array
    if np.abs(array).max(initial=0) > np.finfo(np.float16).max:
        raise SocialRLError(f"array {name} is beyond the range of float16", "store it as float32")
    return array.astype(np.float16)
