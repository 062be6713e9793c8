"""Returns under every condition of the suite: of an entrant, of planners, and of random actions."""

from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int32, Key, PyTree

from socialrl import evaluation
from socialrl.benchmark.suite import COMPANIES, CONDITIONS, NEW_WANTS, SHOTS, stand_ins
from socialrl.passive import passive_learner
from socialrl.protocols import Study, few_shot
from socialrl.protocols._overrides import Overrides, has_preferences, parameter, scheduled, with_preferences
from socialrl.protocols._planners import with_policy
from socialrl.rollout import make_rollout
from socialrl.types import FewShot, Learner, WarmStart
from socialrl_envs.coplayers import planner, wanderer
from socialrl_envs.types import World

Returns = dict[str, dict[str, np.ndarray]]  # who ("entrant", "planner", "random") -> measure -> per seed
WANTS = "new wants"  # the condition of the question on new wants


def measured(study: Study, episodes: int) -> Iterator[tuple[str, Returns]]:
    """Yields (condition, returns and returns_second_half of everybody), all on the same levels.

    study: whose roots draw the levels. The last condition, in worlds that have it, is WANTS: the return under
    other preferences after SHOTS episodes; of learners that do not learn on, after none.
    """
    world = study.world
    played = {
        "entrant": (study.seeds.map(program(world, study.learner, episodes), 2), study.states),
        **{
            who: (study.seeds.map(program(driven, passive_learner(world.spec), episodes), 2), nothing(study))
            for who, driven in in_its_place(world).items()
        },
    }
    for condition, (company, presence) in CONDITIONS.items():
        overrides = {"presence": scheduled(world, presence, world.spec.coplayers)}
        if has_preferences(world):
            mine = parameter(world, "preferences")[world.spec.novices[0]]
            overrides["preferences"] = with_preferences(world, mine, world.spec.coplayers)
        number = jnp.int32(COMPANIES.index(company))
        yield (
            condition,
            {
                who: study.seeds.values(run(states, study.roots, overrides, number))
                for who, (run, states) in played.items()
            },
        )
    if world.spec.name in NEW_WANTS:
        yield WANTS, new_wants(study, NEW_WANTS[world.spec.name], episodes)


def in_its_place(world: World) -> dict[str, World]:
    """The worlds in which a planner, or random actions, choose the novices' actions."""
    return {"planner": with_policy(world, planner.act), "random": with_policy(world, wanderer.act)}


def nothing(study: Study) -> PyTree:
    """The states of a learner that has none, one per seed."""
    return study.seeds.bundle([()] * study.seeds.count)


def program(
    world: World, learner: Learner, episodes: int
) -> Callable[[PyTree, Key[Array, ""], Overrides, Int32[Array, ""]], dict[str, Array]]:
    """A function (state, key, overrides, number of the company) -> returns of one seed."""

    def evaluate(
        state: PyTree, key: Key[Array, ""], overrides: Overrides, company: Int32[Array, ""]
    ) -> dict[str, Array]:
        rollout = make_rollout(world, learner, stand_ins(world.spec, company))
        trace = evaluation.trace(rollout, state, key, episodes, overrides)
        reward = jnp.where(trace.alive[..., None], trace.outcome.reward, 0.0)[..., rollout.novices]
        late = reward[2 * np.arange(reward.shape[0]) >= world.spec.horizon]
        return {
            "return": jnp.mean(jnp.sum(reward, axis=0)),
            "return_second_half": jnp.mean(jnp.sum(late, axis=0)),
        }

    return evaluate


def new_wants(study: Study, preference: tuple[float, ...], episodes: int) -> Returns:
    """Returns under other preferences of the novice, beside the world's own company."""
    world = study.world
    overrides = {"preferences": with_preferences(world, preference, world.spec.novices)}

    def score(world: World, learner: Learner, states: PyTree) -> dict[str, np.ndarray]:
        evaluate = evaluation.evaluator(make_rollout(world, learner), world.spec, episodes)
        run = study.seeds.map(lambda state, key: {"return": evaluate(state, key, overrides)[0]["return"]}, 2)
        return study.seeds.values(run(states, study.roots))

    found = {
        who: score(driven, passive_learner(world.spec), nothing(study))
        for who, driven in in_its_place(world).items()
    }
    learns = study.learner.capability(FewShot) or study.learner.capability(WarmStart)
    if learns is None:
        return {"entrant": score(world, study.learner, study.states), **found}
    protocol = few_shot.Config(preferences=(preference,), shots=(SHOTS,), episodes=episodes)
    _, values = next(protocol.run(study))
    return {"entrant": {"return": study.seeds.values(values)["return"]}, **found}
