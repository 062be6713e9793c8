"""Social learning: the return beside co-players, after they have left, alone, in other company, and in new
worlds.

All conditions of a world share their held-out levels. Who is present, for how long, and which policy drives
the co-players are arguments of one compiled program per world and policy, so that no condition compiles anew.
The measures are those of `_measures.py` and `_trailing.py`, which people's episodes have, too (see
`socialrl.people.measuring`); the report derives cultural transmission from them.
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
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._measures import measures
from socialrl.protocols._overrides import Overrides, parameter, scheduled
from socialrl.protocols._trailing import trailing_measures
from socialrl.protocols._worlds import differences, misfit, standard_transfer
from socialrl.record import labels
from socialrl.record.labels import HOME, PRESENCES, TRAINED
from socialrl.registry import WORLD
from socialrl.rollout import make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Companions, Influence, Learner
from socialrl_envs import registry
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import CoPlayer, State, World, WorldSpec

STREAM = 0x50C1A  # of keys, so that the levels differ from those of the experiment's own evaluations
POLICIES = ("greedy", "sampled")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of social."""

    kind: ClassVar[str] = labels.Social.kind
    needs: ClassVar[str] = "a world that the learner fits"

    episodes: int = option(128, "held-out episodes per seed and condition", low=1)
    policies: tuple[Literal["greedy", "sampled"], ...] = option(
        POLICIES,
        "how the novice acts: greedy, sampled (as in training), or both; in new worlds the first of them",
        choices=POLICIES,
    )
    companies: tuple[str, ...] = option(
        ("anti_expert", "wanderer", "noisy"),
        "policies that replace the co-players' own, present throughout and for the first half",
    )
    skill: float = option(0.5, "skill of the company `noisy`", low=0, high=1)
    world: Annotated[Any, WORLD] | None = option(
        None,
        "the world in which all arms are compared; None: the experiment's, whatever an arm was trained in",
    )
    own_world: bool = option(
        False, "each arm is measured in the world that it was trained in; for arms of different views"
    )
    transfer: tuple[Annotated[Any, WORLD], ...] | None = option(
        None,
        "further worlds, with their own company; None: one and two more goals, four rooms, a maze, "
        "a larger grid, as far as the learner fits them",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.policies) > 0, "policies", self.policies, "greedy, sampled, or both")
        for company in self.companies:
            if company not in registry.coplayer_names():
                raise unknown("co-player (companies)", company, registry.coplayer_names())

    def count(self, study: Study) -> int:
        """Conditions, times policies, over all worlds."""
        worlds = self.worlds(study).items()
        return sum(len(self.policies_in(name)) * len(self.conditions(name, world)) for name, world in worlds)

    def run(self, study: Study) -> Iterator[tuple[labels.Social, PerSeed]]:
        """Yields labels and the measures of `_measures.measures` and `_trailing.trailing_measures`."""
        keys = study.keys(STREAM)
        for name, world in self.worlds(study).items():
            for policy in self.policies_in(name):
                companies = self.companies if name == HOME else ()
                program = program_of(world, study.learner, companies, self.episodes, policy == "sampled")
                evaluate = study.seeds.map(program, 2)
                for company, presence in self.conditions(name, world):
                    arguments = self.arguments(world, Condition(company, presence))
                    yield (
                        labels.Social(name, policy, company, presence),
                        evaluate(study.states, keys, *arguments),
                    )

    def policies_in(self, world: str) -> tuple[str, ...]:
        """The policies that are measured in a world: all of them at home, the first one elsewhere."""
        return self.policies if world == HOME else self.policies[:1]

    def worlds(self, study: Study) -> dict[str, World]:
        """The worlds by label, home first. Raises SocialRLError for one that the learner does not fit."""
        own = study.world.config if self.own_world else study.experiment.world
        home = self.world or own
        given = standard_transfer(home, study.world.spec) if self.transfer is None else self.transfer
        configs = {HOME: home} | {differences(home, config): config for config in given}
        worlds = {name: config.build() for name, config in configs.items()}
        for name, world in worlds.items():
            if reason := misfit(study.world.spec, world.spec):
                raise SocialRLError(
                    f"social, world {name}: {reason}", "take worlds with the same views and actions"
                )
        return worlds

    def conditions(self, name: str, world: World) -> list["Condition"]:
        """The world's own company in every presence; at home also each other company, full and half."""
        if not world.spec.coplayers:
            return [Condition(TRAINED, "never")]
        own = [Condition(TRAINED, presence) for presence in PRESENCES]
        others = self.companies if name == HOME else ()
        return own + [Condition(company, presence) for company in others for presence in ("full", "half")]

    def arguments(self, world: World, condition: "Condition") -> tuple[Overrides, Int32[Array, ""]]:
        """The overridden parameters of a condition, and the number of its company: 0 is the world's own."""
        skill = jnp.asarray(parameter(world, "skill"))
        if condition.company == "noisy":
            skill = skill.at[jnp.array(world.spec.coplayers, jnp.int32)].set(self.skill)
        presence = scheduled(world, PRESENCES[condition.presence], world.spec.coplayers)
        company = jnp.int32((TRAINED, *self.companies).index(condition.company))
        return {"presence": presence, "skill": skill}, company


class Condition(NamedTuple):
    """company: TRAINED, or the policy of the co-players. presence: how long they are present, one of
    PRESENCES.
    """

    company: str
    presence: str


def program_of(
    world: World, learner: Learner, companies: tuple[str, ...], episodes: int, explore: bool
) -> Callable[[LearnerState, Key[Array, ""], Overrides, Int32[Array, ""]], dict[str, Array]]:
    """A function (state, key, overrides, company) -> measures of one seed.

    company: 0 for the world's own, k for companies[k - 1]. explore: whether actions are sampled.
    """

    def evaluate(
        state: LearnerState, key: Key[Array, ""], overrides: Overrides, company: Int32[Array, ""]
    ) -> dict[str, Array]:
        def beside(functions: dict[str, CoPlayer] | None) -> dict[str, Array]:
            rollout = make_rollout(world, learner, functions)
            trace = evaluation.trace(rollout, state, key, episodes, overrides, explore)
            found = measures(trace, world, influence=learner.capability(Influence) is not None)
            return found | trailing_measures(trace, world.spec)

        others = stand_ins(world.spec, companies, company)
        if learner.capability(Companions) is None:
            return beside(others)
        if not companies:
            return beside(None)
        return jax.lax.cond(company == 0, lambda: beside(None), lambda: beside(others))

    return evaluate


def stand_ins(spec: WorldSpec, companies: tuple[str, ...], company: Int32[Array, ""]) -> dict[str, CoPlayer]:
    """Policies by name of the co-player: its own if `company` is 0, else that of companies[company - 1]."""

    def one(own: str) -> CoPlayer:
        policies = [registry.coplayer(policy).act for policy in (own, *companies)]

        def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
            branches = [
                partial(lambda policy, key: policy(world, state, seat, key), policy) for policy in policies
            ]
            return jax.lax.switch(company, branches, key)

        return act

    return {spec.agents[seat]: one(spec.seats[seat].policy) for seat in spec.coplayers}
