"""Partners never met: what a novice earns beside scripted partners of several conventions, and beside trained
agents of other seeds and arms, without learning from them.

Exported agents are partners that any run can be compared by: those of `assets/agents/<world>` ship for some
worlds, `agents` names others.

All conditions share their held-out levels. One partner takes all co-players' seats of one world, the
experiment's unless `world` says another, whatever an arm was trained in: an arm that learnt by self-play,
with several novices, meets the same partners as one that learnt beside co-players.

Seed s of an arm meets agents of the seeds s + k, around, of every arm in `arms` that is listed before it, and
of its own. The record "+k" has what each seed earned with that of the seed k further on, so that all records
of an arm together are the cross-play matrix of the seeds. Their means are what is claimed: `itself` (its own
agent of the same seed in the other seat), `met` (agents that were its partners in training, see
`Arm.partners`) and `held out` (all others).

A recorded person is a partner, too: an arm whose learner is `bc` with demonstrations of `socialrl play` is a
clone of the person. It is a clone, not a replay, because a replay does not react to what the novice does.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int32, Key

from socialrl import evaluation
from socialrl.acting import Acting, check_fits, fits
from socialrl.coerce import build
from socialrl.population import Leaves, Members, Trained, TrainedPopulation
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import Overrides, check_preferences, parameter, with_preferences
from socialrl.protocols._worlds import misfit
from socialrl.protocols.social import stand_ins
from socialrl.record import agent_file, labels
from socialrl.record.labels import ALL, HELD_OUT, ITSELF, MET
from socialrl.registry import WORLD
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed, SeedMap
from socialrl_envs import registry
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import Seat, World, WorldSpec

STREAM = 0x9A272  # of keys, so that the levels are new
PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "partners", PACKAGE.parent / "assets" / "agents")  # of a wheel, and of the sources
Measured = dict[str, np.ndarray]  # by name, one number per seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of partners."""

    kind: ClassVar[str] = labels.Partners.kind
    needs: ClassVar[str] = "a world with a co-player's seat"

    episodes: int = option(64, "held-out episodes per seed and condition", low=1)
    conventions: tuple[Seat, ...] = option(
        (Seat(policy="planner"), Seat(policy="noisy", skill=0.5)),
        "scripted partners: policy, skill and preferences of each",
    )
    arms: tuple[str, ...] | None = option(
        None,
        "arms of the run whose trained agents are partners, as far as they are listed before; None: all. The "
        "arm's own agents always are",
    )
    seeds: int = option(0, "agents of how many seeds of each arm; 0: of all", low=0)
    agents: tuple[str, ...] | None = option(
        None,
        "files of exported agents, or folders of them, that are partners besides; None: those of "
        "assets/agents/<world> that fit the world",
    )
    greedy: bool = option(True, "whether trained partners act as in evaluations, else as in training")
    world: Annotated[Any, WORLD] | None = option(
        None, "the world in which they meet; None: the experiment's, whatever an arm was trained in"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [in_words(seat) for seat in self.conventions]
        require(len(set(names)) == len(names), "conventions", names, "conventions that differ")
        for seat in self.conventions:
            if seat.policy not in registry.coplayer_names():
                raise unknown("co-player (conventions)", seat.policy, registry.coplayer_names())

    def count(self, study: Study) -> int:
        """One per convention and one for all, the same of exported agents; per arm one for each seed, and one
        for each kind of seeds.
        """
        conventions = len(self.conventions) + (len(self.conventions) > 0)
        exported = len(self.exports(self.home(study)))
        conventions += exported + (exported > 0)
        shifts = {name: self.shifts(study, name) for name in self.lenders(study)}
        kinds = [{kind_of(study, name, shift) for shift in found} for name, found in shifts.items()]
        never = any(HELD_OUT in found for found in kinds)
        return conventions + sum(map(len, shifts.values())) + sum(map(len, kinds)) + never

    def run(self, study: Study) -> Iterator[tuple[labels.Partners, PerSeed]]:
        """Yields labels, and `return`, `return_partner` and the novices' cumulants."""
        yield from self.scripted(study)
        yield from self.exported(study)
        yield from self.trained(study)

    def home(self, study: Study) -> World:
        """The world in which they meet; raises SocialRLError if the learner or a convention does not fit."""
        config = study.experiment.world if self.world is None else self.world
        world = config.build()
        if not world.spec.coplayers:
            raise SocialRLError(f"partners: nobody to meet in {world.spec.name}", "give the world experts")
        if reason := misfit(study.world.spec, world.spec):
            raise SocialRLError(f"partners: {reason}", "take a world with the same views and actions")
        learnt, here = len(study.world.spec.novices), len(world.spec.novices)
        if learnt != here and not study.learner.alike:
            cure = "use a policy that they share, such as ppo with parameter_sharing"
            raise SocialRLError(f"partners: {learnt} novices learnt, {here} are to act", cure)
        given = [seat.preferences for seat in self.conventions if seat.preferences is not None]
        if given:
            check_preferences(world, given, "partners.conventions")
        return world

    def lenders(self, study: Study) -> list[str]:
        """The arms whose agents are partners: those listed before the arm, and itself."""
        if study.agents is None or study.arm is None:
            return []
        every = [arm.name for arm in study.experiment.arms]
        for name in self.arms or ():
            if name not in every:
                raise unknown("arm (partners.arms)", name, every)
        before = every[: every.index(study.arm.name)]
        return [*(name for name in before if self.arms is None or name in self.arms), study.arm.name]

    def shifts(self, study: Study, name: str) -> range:
        """By how much the seeds of that arm's agents differ from the novice's."""
        own = study.arm is not None and name == study.arm.name
        most = study.seeds.count if own else study.experiment.seeds
        return range(min(self.seeds, most) or most)

    # scripted partners

    def scripted(self, study: Study) -> Iterator[tuple[labels.Partners, PerSeed]]:
        """The records of the conventions, and of their mean."""
        world, keys, found = self.home(study), study.keys(STREAM), []
        policies = tuple(dict.fromkeys(seat.policy for seat in self.conventions))

        def evaluate(
            state: LearnerState, key: Key[Array, ""], overrides: Overrides, policy: Int32[Array, ""]
        ) -> dict[str, Array]:
            rollout = make_rollout(world, study.learner, stand_ins(world.spec, policies, policy))
            return measures(evaluation.trace(rollout, state, key, self.episodes, overrides), world)

        program = study.seeds.map(evaluate, 2)
        for seat in self.conventions:
            policy = jnp.int32(1 + policies.index(seat.policy))
            values = program(study.states, keys, overrides_of(world, seat), policy)
            found.append(study.seeds.values(values))
            yield labels.Partners("convention", in_words(seat), ""), values
        if found:
            yield labels.Partners("convention", ALL, ""), mean_of(study, found)

    # exported agents

    def exports(self, world: World) -> dict[str, Path]:
        """The files of exported agents by their stems; of those that ship for the world the ones that fit.
        Raises SocialRLError that names a file that is not there, is no agent, does not fit the world, or has
        the name of another.
        """
        shipped = [str(one) for folder in FOLDERS if (one := folder / world.spec.name).is_dir()]
        given, found = shipped if self.agents is None else self.agents, dict[str, Path]()
        for path in [path for one in given for path in files(one)]:
            learnt = build(WorldSpec, agent_file.load(path)[0].spec, f"{path}: spec")
            if self.agents is None and not fits(learnt, world.spec):
                continue
            check_fits(learnt, world.spec, f"partners.agents: {path}")
            if path.stem in found:
                raise SocialRLError(f"partners.agents: two are called {path.stem!r}", "rename one of them")
            found[path.stem] = path
        return found

    def exported(self, study: Study) -> Iterator[tuple[labels.Partners, PerSeed]]:
        """The records of exported agents, and of their mean. Agents of one learner share a program."""
        keys, count, found = study.keys(STREAM), study.seeds.count, []
        programs: dict[str, SeedMap] = {}
        for name, path in self.exports(self.home(study)).items():
            agent = registry.coplayer(str(path))
            assert isinstance(agent, Trained)
            kind = f"{agent.config}, {agent.acting.row} of {agent.acting.novices}"
            if kind not in programs:
                programs[kind] = self.program(study, agent.acting)
            values = programs[kind](study.states, keys, study.seeds.bundle([agent.leaves] * count))
            found.append(study.seeds.values(values))
            yield labels.Partners("exported", name, ""), values
        if found:
            yield labels.Partners("exported", ALL, ""), mean_of(study, found)

    # trained partners

    def trained(self, study: Study) -> Iterator[tuple[labels.Partners, PerSeed]]:
        """The records of every seed of every arm, of the means by kind of seeds, and of all never met."""
        never: list[Measured] = []
        for name in self.lenders(study):
            assert study.agents is not None
            assert study.arm is not None
            members = study.agents(None if name == study.arm.name else name)
            kinds: dict[str, list[Measured]] = {}
            for shift, values in self.beside(study, members, self.shifts(study, name)):
                kinds.setdefault(kind_of(study, name, shift), []).append(study.seeds.values(values))
                yield labels.Partners("agent", name, f"+{shift}"), values
            for kind, found in kinds.items():
                yield labels.Partners("agent", name, kind), mean_of(study, found)
            never += kinds.get(HELD_OUT, [])
        if never:
            yield labels.Partners("agent", ALL, HELD_OUT), mean_of(study, never)

    def beside(self, study: Study, members: Members, shifts: range) -> Iterator[tuple[int, PerSeed]]:
        """(shift, measures) beside the agents of one arm."""
        keys, count = study.keys(STREAM), len(members.leaves)
        program = self.program(study, members.acting)
        for shift in shifts:
            partners = [members.leaves[(seed + shift) % count] for seed in range(study.seeds.count)]
            yield shift, program(study.states, keys, study.seeds.bundle(partners))

    def program(self, study: Study, acting: Acting) -> SeedMap:
        """What measures every seed beside a trained agent: of (states, keys, the agent's leaves)."""
        world = self.home(study)
        check_fits(acting.spec, world.spec, "partners: an agent")
        agents = [world.spec.agents[seat] for seat in world.spec.coplayers]

        def evaluate(state: LearnerState, key: Key[Array, ""], partner: Leaves) -> dict[str, Array]:
            alone = {name: leaf[None] for name, leaf in partner.items()}
            population = TrainedPopulation(acting=acting, leaves=alone, greedy=self.greedy)
            rollout = make_rollout(world, study.learner, dict.fromkeys(agents, population))
            return measures(evaluation.trace(rollout, state, key, self.episodes), world)

        return study.seeds.map(evaluate, 3)


def files(given: str) -> list[Path]:
    """The exported agents of a folder, by name, or the file itself; raises SocialRLError if there is none."""
    path = Path(given)
    found = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise SocialRLError(f"partners.agents: {given}: no exported agent there", "socialrl export RUN FILE")
    return found


def measures(trace: Trace, world: World) -> dict[str, Array]:
    """return: of the novices. return_partner: of the co-players. cumulants/<name>: per novice and episode."""
    found = evaluation.summarise(trace, world.spec)
    own = {name: value for name, value in found.items() if name == "return" or name.startswith("cumulants/")}
    partners = [found[f"return_{world.spec.agents[seat]}"] for seat in world.spec.coplayers]
    return own | {"return_partner": jnp.mean(jnp.stack(partners))}


def kind_of(study: Study, name: str, shift: int) -> str:
    """ITSELF, MET or HELD_OUT: what agents of that arm, so many seeds further on, are to the novices."""
    assert study.arm is not None
    met = study.arm.partners
    if met is not None and name in met.arms and shift in met.shifts():
        return MET
    return ITSELF if name == study.arm.name and shift == 0 else HELD_OUT


def overrides_of(world: World, seat: Seat) -> Overrides:
    """The parameters of a level with this convention in the co-players' seats."""
    at = jnp.array(world.spec.coplayers, jnp.int32)
    found = {"skill": jnp.asarray(parameter(world, "skill")).at[at].set(seat.skill)}
    if seat.preferences is not None:
        found["preferences"] = with_preferences(world, seat.preferences, world.spec.coplayers)
    return found


def in_words(seat: Seat) -> str:
    """A convention in words, e.g. "noisy, skill 0.5" or "planner 1 -1 -1"."""
    text = " ".join([seat.policy, *(f"{weight:g}" for weight in seat.preferences or ())])
    return text if seat.skill == 1 else f"{text}, skill {seat.skill:g}"


def mean_of(study: Study, found: list[Measured]) -> PerSeed:
    """The mean of several measurements, seed by seed."""
    means = {name: np.mean([one[name] for one in found], axis=0) for name in found[0]}
    rows = [{name: value[seed] for name, value in means.items()} for seed in range(study.seeds.count)]
    return study.seeds.bundle(rows)
