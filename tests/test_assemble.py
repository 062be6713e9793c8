"""The parts of an arm: built from its configs, and its training states brought back from a checkpoint."""

import dataclasses

import jax
import pytest

from socialrl.assemble import assemble, root_keys
from socialrl.config import Arm, Experiment
from socialrl.curricula import mixed
from socialrl.learners import bc, dqn
from socialrl.record import checkpoint
from socialrl_envs.errors import SocialRLError
from socialrl_envs.worlds import coin_grid
from tests.learners.lab import same

WORLD = coin_grid.Config(size=5, colours=2, coins=1, horizon=5, experts=1)
SMALL = dqn.Config(hidden=(8,), capacity=40)
EXPERIMENT = Experiment(
    name="tiny",
    question="?",
    world=WORLD,
    arms=(
        Arm(name="dqn", learner=SMALL),
        Arm(name="far", learner=SMALL, world=dataclasses.replace(WORLD, size=7)),
    ),
    seeds=2,
    num_envs=2,
    unroll_length=5,
    num_levels=4,
)


def test_an_arm_has_its_own_world_or_that_of_the_experiment():
    one, other = (assemble(EXPERIMENT, arm) for arm in EXPERIMENT.arms)
    assert (one.world.spec.width, other.world.spec.width) == (5, 7)
    assert one.sources == ("self", "expert_0")


def test_a_checkpoint_comes_back_and_the_template_is_what_it_holds(tmp_path):
    made = assemble(EXPERIMENT, EXPERIMENT.arms[0])
    start = jax.jit(made.trainer.start)
    states = [start(key) for key in root_keys(EXPERIMENT)]
    assert jax.tree.structure(made.template) == jax.tree.structure(states[0])
    pairs = zip(jax.tree.leaves(made.template), jax.tree.leaves(states[0]), strict=True)
    assert all((a.shape, a.dtype) == (b.shape, b.dtype) for a, b in pairs)
    with pytest.raises(SocialRLError, match=r"arm dqn has no checkpoint \(socialrl run --resume a-run"):
        made.restored("a-run", tmp_path)
    checkpoint.save(tmp_path / "10", states)
    found, step = made.restored("a-run", tmp_path)
    assert step == 10
    assert all(same(a, b) for a, b in zip(found, states, strict=True))
    study = made.study(found[:1])
    assert study.seeds.count == 1
    assert same(study.seeds.unbundle(study.states)[0], states[0].learner)


def test_evaluations_see_a_curriculum_that_says_so():
    ramp = mixed.Ramp(param="skill", start=(1.0, 1.0), end=(0.0, 0.0), after=10)

    def drawn(evaluated):
        config = mixed.Config(ramps=(ramp,), evaluated=evaluated)
        made = assemble(dataclasses.replace(EXPERIMENT, curriculum=config), EXPERIMENT.arms[0])

        def draw(key):
            start_key, level_key = jax.random.split(key)
            found = made.trainer.evaluated(made.trainer.start(start_key))
            return None if found is None else found(level_key)

        return jax.eval_shape(draw, jax.random.key(0))

    assert drawn(False) is None
    assert {name: value.shape for name, value in drawn(True).items()} == {"skill": (2,)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"world": dataclasses.replace(WORLD, layout="nowhere.txt")}, "world"),
        ({"arms": (Arm(name="a", learner=SMALL, world=dataclasses.replace(WORLD, novices=0)),)}, "a.learner"),
        (
            {"world": dataclasses.replace(WORLD, experts=0), "arms": (Arm(name="b", learner=bc.Config()),)},
            "b.learner",
        ),
        (
            {"curriculum": mixed.Config(ramps=(mixed.Ramp(param="none", start=(0.0, 1.0), end=(0.0, 1.0)),))},
            "curriculum",
        ),
    ],
)
def test_what_cannot_be_built_is_named_by_its_key(change, message):
    experiment = dataclasses.replace(EXPERIMENT, **change)
    with pytest.raises(SocialRLError) as error:
        assemble(experiment, experiment.arms[0])
    assert error.value.message.startswith(message)
