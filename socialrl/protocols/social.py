"""Social learning: how well does a novice do beside others, once they have left, and alone? In bad company,
and on new worlds?

Held-out levels, the same ones under every condition of a world. Who is there, for how long, and by which
policy they live are numbers handed to one compiled program per world and policy: no condition compiles anew.

Labels of a record: `world` ("home", or how a transfer world differs from it), `policy` of the novice,
`company`, and the company's `presence`. The measures are those of `_measures.py`; the report derives cultural
transmission from them.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl import evaluation
from socialrl.protocols import Study
from socialrl.protocols._measures import measures
from socialrl.registry import WORLD
from socialrl.rollout import make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Influence, Learner
from socialrl_envs import presence, registry
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.hosting import CoPlayer
from socialrl_envs.types import State, World, WorldSpec
from socialrl_envs.world import require

STREAM = (
    0x50C1A  # folded into a seed's key, so that the levels are new to the experiment's own evaluations too
)
PRESENCES = {"full": "always", "half": "first_half", "never": "never"}
HOME, TRAINED = "home", "trained"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of social.

    episodes: per seed and condition.
    policies: how the novice acts: greedy, sampled (as while training), or both; on transfer worlds as the
    first of them says.
    companies: co-players' policies that stand in for those of the world, present throughout and for the first
    half.
    skill: of a `noisy` company, 0..1.
    world: the world to test all arms in; None takes the experiment's, whatever an arm was trained in.
    transfer: further worlds, with the company that is configured there; None takes what fits of one and two
        more goals, four rooms, a maze, and a larger grid.
    """

    kind: ClassVar[str] = "social"

    episodes: int = 128
    policies: tuple[Literal["greedy", "sampled"], ...] = ("greedy", "sampled")
    companies: tuple[str, ...] = ("anti_expert", "wanderer", "noisy")
    skill: float = 0.5
    world: Annotated[Any, WORLD] | None = None
    transfer: tuple[Annotated[Any, WORLD], ...] | None = None

    def __post_init__(self) -> None:
        require(self.episodes >= 1, "episodes", self.episodes, "at least 1")
        good = len(self.policies) > 0 and set(self.policies) <= {"greedy", "sampled"}
        require(good, "policies", self.policies, "greedy, sampled, or both")
        for company in self.companies:
            if company not in registry.coplayer_names():
                raise unknown("co-player (companies)", company, registry.coplayer_names())
        require(0 <= self.skill <= 1, "skill", self.skill, "in 0..1")

    def run(self, study: Study) -> Iterator[tuple[dict[str, Any], PerSeed]]:
        """Yields labels and a bundle of measures by name."""
        keys = study.seeds.bundle(
            [jax.random.fold_in(root, STREAM) for root in study.seeds.unbundle(study.roots)]
        )
        for name, world in self.worlds(study).items():
            for policy in self.policies_in(name):
                companies = self.companies if name == HOME else ()
                program = episodes_of(world, study.learner, companies, self.episodes, policy == "sampled")
                evaluate = study.seeds.map(program, 2)
                for condition in self.conditions(name, world):
                    labels = {
                        "world": name,
                        "policy": policy,
                        "company": condition.company,
                        "presence": condition.presence,
                    }
                    yield labels, evaluate(study.states, keys, *self.numbers(world, condition))

    def count(self, study: Study) -> int:
        """How many records `run` yields."""
        worlds = self.worlds(study).items()
        return sum(len(self.policies_in(name)) * len(self.conditions(name, world)) for name, world in worlds)

    def policies_in(self, name: str) -> tuple[str, ...]:
        """All policies at home, the first one alone elsewhere: each costs a compilation."""
        return self.policies if name == HOME else self.policies[:1]

    def worlds(self, study: Study) -> dict[str, World]:
        """The worlds to test in, home first; raises SocialRLError for one that the learner cannot see or act
        in.
        """
        home = self.world or study.experiment.world
        given = standard_transfer(home, study.world.spec) if self.transfer is None else self.transfer
        configs = {HOME: home} | {differences(home, config): config for config in given}
        worlds = {name: config.build() for name, config in configs.items()}
        for name, world in worlds.items():
            if misfit := unfit(study.world.spec, world.spec):
                raise SocialRLError(
                    f"social, world {name}: {misfit}", "test it in worlds of equal views and actions"
                )
        return worlds

    def conditions(self, name: str, world: World) -> list["Condition"]:
        """Full, half and never beside the world's own company; at home full and half beside each of the
        others.
        """
        if not world.spec.coplayers:
            return [Condition(TRAINED, "never")]
        own = [Condition(TRAINED, presence) for presence in PRESENCES]
        others = self.companies if name == HOME else ()
        return own + [Condition(company, presence) for company in others for presence in ("full", "half")]

    def numbers(self, world: World, condition: "Condition") -> tuple[dict[str, Array], Int32[Array, ""]]:
        """The numbers of the level under a condition, and the company's: 0 is the world's own."""
        seats = jnp.array(world.spec.coplayers, jnp.int32)
        schedule = jnp.array(presence.SCHEDULES[PRESENCES[condition.presence]], jnp.float32)
        numbers = {name: jnp.asarray(world.numbers[name]) for name in ("presence", "skill")}
        numbers["presence"] = numbers["presence"].at[seats].set(schedule)
        if condition.company == "noisy":
            numbers["skill"] = numbers["skill"].at[seats].set(self.skill)
        return numbers, jnp.int32((TRAINED, *self.companies).index(condition.company))


class Condition(NamedTuple):
    """Who is there besides the novices (TRAINED, or the name of a co-player's policy) and for how long (of
    PRESENCES).
    """

    company: str
    presence: str


def episodes_of(
    world: World, learner: Learner, companies: tuple[str, ...], episodes: int, explore: bool
) -> Callable[..., dict[str, Array]]:
    """(learner_state, key, numbers, company) -> measures of one seed; company: 0 the world's own, then those
    of `companies`.
    """

    def evaluate(
        state: Any, key: Key[Array, ""], numbers: dict[str, Array], company: Int32[Array, ""]
    ) -> dict[str, Array]:
        rollout = make_rollout(world, learner, stand_ins(world.spec, companies, company))
        trace = evaluation.trace(rollout, state, key, episodes, numbers, explore)
        return measures(trace, world, influence=learner.capability(Influence) is not None)

    return evaluate


def stand_ins(spec: WorldSpec, companies: tuple[str, ...], company: Int32[Array, ""]) -> dict[str, CoPlayer]:
    """What drives every co-player: its own policy if the company is 0, else that of the company of this
    number.
    """

    def one(own: str) -> CoPlayer:
        policies = [registry.coplayer(policy).act for policy in (own, *companies)]

        def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
            branches = [
                partial(lambda policy, key: policy(world, state, seat, key), policy) for policy in policies
            ]
            return jax.lax.switch(company, branches, key)

        return act

    return {spec.agents[seat]: one(spec.seats[seat].policy) for seat in spec.coplayers}


def unfit(trained: WorldSpec, new: WorldSpec) -> str | None:
    """Why a learner built for one world cannot live in another, None if it can."""
    for key in ("obs_shape", "channels", "actions"):
        there, here = getattr(trained, key), getattr(new, key)
        if there != here:
            return f"{key} {here} are not those of its training, {there}"
    return None if new.novices else "it has no novice"


def standard_transfer(home: Any, trained: WorldSpec) -> list[Any]:
    """The variations of a world that exist, and that a learner trained in a world like `trained` can live in."""
    size, goals = home.size, getattr(home, "goals", 0)
    variations: list[dict[str, Any]] = [
        {"layout": "four_rooms"},
        {"layout": "maze"},
        {"size": size + size // 3},
    ]
    if goals:
        variations = [{"goals": goals + 1}, {"goals": goals + 2}, *variations]
    found = []
    for variation in variations:
        try:
            config = dataclasses.replace(home, **variation)
            fits = unfit(trained, config.build().spec) is None
        except SocialRLError:
            continue
        if fits and config != home:
            found.append(config)
    return found


def differences(home: Any, other: Any) -> str:
    """What tells another world from this one, e.g. "goals=4" or "goal_search size=9"; "same" if nothing does."""
    names = [WORLD.name_of(config) for config in (home, other)]
    fields = {field.name: field.default for field in dataclasses.fields(other)}
    known = {name: getattr(home, name, default) for name, default in fields.items()}
    changed = [
        f"{name}={_words(getattr(other, name))}"
        for name, value in known.items()
        if getattr(other, name) != value
    ]
    return " ".join([*(names[1:] if names[0] != names[1] else []), *changed]) or "same"


def _words(value: Any) -> str:
    return f"{len(value)} seats" if isinstance(value, tuple) else str(value)
