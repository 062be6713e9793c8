"""Tests of the conformance checks: each rule catches a learner or curriculum that breaks it, by name."""

import copy
import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import pytest

from socialrl import conformance
from socialrl.conformance import check_curriculum, check_learner, own_rewards_matter
from socialrl.curricula import Choice, Chooser, Curriculum, adr, mixed
from socialrl.learners import bc, dqn
from socialrl.registry import CURRICULUM
from socialrl.types import (
    ActAs,
    ActOutput,
    Companions,
    Diagnostics,
    FewShot,
    GoalInference,
    Influence,
    Learner,
    LearntCumulants,
    Offline,
    RewardInference,
    WarmStart,
    decision_of,
)
from socialrl_envs import grid
from socialrl_envs.worlds import coin_grid
from tests.corridor import Corridor

WORLD = Corridor(coplayers=1, novices=2)
COUNTER = itertools.count()


def act(state, carry, timestep, key, explore):
    """Half of the actions are drawn at random while exploring."""
    batch = timestep.first.shape
    values = jnp.broadcast_to(state["bias"], (*batch, 1, 3)) + timestep.obs[..., 0, 0, :1, None].astype(
        jnp.float32
    )
    drawn = jax.random.randint(key, batch, 0, 3, dtype=jnp.int32)
    greedy = jnp.argmax(values[..., 0, :], axis=-1).astype(jnp.int32)
    return decision_of(drawn if explore else greedy, values), carry + 1


def update(state, experience, key):
    """Counts the novices' reward and what present others did."""
    others = experience.others
    shown = jnp.mean(jnp.where(others.present, others.action, 0).astype(jnp.float32))
    paid = jnp.mean(experience.own.reward)
    return {"bias": state["bias"] + jnp.stack([paid, shown, paid])}, {"loss/toy": paid}


@dataclasses.dataclass(frozen=True)
class Toy:
    """A learner that keeps the contract, or with other functions one that does not."""

    functions: tuple = ()
    capabilities: tuple = ()

    def build(self, spec):
        parts = {
            "init": lambda key, unroll_length, num_envs: {"bias": jax.random.normal(key, (3,))},
            "act": lambda *inputs: ActOutput(*act(*inputs), ()),
            "update": update,
            "initial_carry": lambda *batch: jnp.zeros(batch, jnp.int32),
        } | dict(self.functions)
        return Learner(**parts, capabilities=self.capabilities)


def acting(change):
    """A Toy whose decisions are changed."""

    def changed(*inputs):
        decision, carry = act(*inputs)
        return ActOutput(change(decision), carry, ())

    return Toy(functions=(("act", changed),))


def updating(function):
    """A Toy with another update."""
    return Toy(functions=(("update", function),))


def with_metric(value):
    return updating(lambda state, experience, key: (update(state, experience, key)[0], {"loss/toy": value}))


def impure(state, experience, key):
    after, metrics = update(state, experience, key)
    return {"bias": after["bias"] + next(COUNTER)}, metrics


def batch_wide(*inputs):
    decision, carry = act(*inputs)
    mean = jnp.mean(inputs[2].obs.astype(jnp.float32)) + decision.values
    return ActOutput(dataclasses.replace(decision, values=mean), carry, ())


def envious(state, experience, key):
    after, metrics = update(state, experience, key)
    seen = getattr(experience.others, "reward", jnp.zeros(1, jnp.float32))
    return {"bias": after["bias"] + jnp.sum(seen)}, metrics


def credulous(state, experience, key):
    after, metrics = update(state, experience, key)
    return {"bias": after["bias"] + jnp.mean(experience.others.action.astype(jnp.float32))}, metrics


BROKEN = {
    "decisions_in_shape": [
        (acting(lambda d: dataclasses.replace(d, action=d.action + 3)), "not within 0..2"),
        (acting(lambda d: dataclasses.replace(d, source=d.source - 1)), "decision.source is not within"),
        (acting(lambda d: dataclasses.replace(d, values=d.values * jnp.nan)), "not finite"),
        (acting(lambda d: dataclasses.replace(d, values=d.values[..., :2])), "decision.values is"),
    ],
    "carry_in_shape": [
        (
            Toy(functions=(("initial_carry", lambda *batch: jnp.zeros(batch[::-1], jnp.int32)),)),
            "initial_carry",
        )
    ],
    "state_keeps_its_structure": [
        (updating(lambda state, experience, key: (state, {"loss/toy": jnp.float32(0)})), "the same"),
        (
            updating(lambda s, e, k: ({"bias": s["bias"], "more": k}, update(s, e, k)[1])),
            "structure of state",
        ),
    ],
    "metrics_finite": [
        (with_metric(jnp.float32(jnp.inf)), "metric loss/toy is inf"),
        (with_metric(jnp.zeros(2, jnp.float32)), "metric loss/toy is (2,)"),
        (updating(lambda s, e, k: (update(s, e, k)[0], {})), "no metric loss/"),
    ],
    "one_key_one_result": [(updating(impure), "update is another program")],
    "batch_equals_loop": [(Toy(functions=(("act", batch_wide),)), "the values of world")],
    "others_rewards_unseen": [(updating(envious), "uses the rewards of others")],
    "absent_ignored": [(updating(credulous), "absent seats are learnt from")],
}
CASES = [(rule, config, words) for rule, cases in BROKEN.items() for config, words in cases]


def test_a_learner_that_keeps_the_contract_passes():
    check_learner(Toy(), WORLD)


@pytest.mark.parametrize(("rule", "config", "words"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_learner_that_breaks_a_rule_is_named_with_the_rule(rule, config, words):
    with pytest.raises(AssertionError) as error:
        check_learner(config, WORLD)
    assert str(error.value).startswith(f"Toy: {rule}: "), error.value
    assert words in str(error.value)


def test_every_rule_has_a_learner_that_breaks_it():
    assert {rule.__name__ for rule in conformance.LEARNER_RULES} == {*BROKEN, "capabilities_work"}


def test_a_learner_that_cannot_be_built_is_named():
    with pytest.raises(AssertionError, match=r"^bc: build: SocialRLError: experts: 0"):
        check_learner(bc.Config(), Corridor(coplayers=0))


WRONG = [
    (FewShot(adapt=lambda state, experience, key: {"bias": state["bias"][:2]}), "state"),
    (LearntCumulants(cumulants=lambda state, own: own.reward), "cumulants is"),
    (WarmStart(warm_start=lambda trained, fresh: fresh), "decisions are not those of the trained state"),
    (Offline(pretrain=lambda state, key, steps: (state, {"loss/toy": jnp.float32(jnp.nan)}), steps=1), "nan"),
    (Influence(influence=lambda state, carry, timestep: -jnp.ones(timestep.first.shape)), "negative"),
    (
        Diagnostics(diagnose=lambda *_: {"mood": jnp.zeros(1)}),
        "mood is not one of belief, prediction, spread",
    ),
    (ActAs(act_as=lambda state, carry, timestep, source, key: (source + 9, carry)), "out of range"),
    (RewardInference(infer_rewards=lambda state, others: others.discount[0]), "infer_rewards is"),
    (GoalInference(infer_goal=lambda state, shown, asked: (state, asked.discount)), "logits is"),
    (
        Companions(
            agents=("nobody",),
            initial_carry=lambda: (),
            act=lambda state, carry, *seen: (jnp.int32(9), carry),
        ),
        "out of range",
    ),
]


@functools.cache
def sound():
    """The toy that keeps the contract, trained."""
    of = conformance.Subject(Toy().build(WORLD.spec), WORLD)
    assert of.trained
    return of


@pytest.mark.parametrize(("capability", "words"), WRONG, ids=[type(one).__name__ for one, _ in WRONG])
def test_a_capability_that_does_not_work_is_named(capability, words):
    """What the toy has learnt does not depend on its capabilities."""
    of = copy.copy(sound())
    of.learner = dataclasses.replace(of.learner, capabilities=(capability,))
    with pytest.raises(AssertionError) as error:
        conformance.check_subject("Toy", of)
    assert str(error.value).startswith(f"Toy: capabilities_work: {type(capability).__name__}: "), error.value
    assert words in str(error.value)


def test_two_capabilities_of_one_type_are_refused():
    warm = WarmStart(warm_start=lambda trained, fresh: trained)
    with pytest.raises(AssertionError, match="two capabilities of one type"):
        check_learner(Toy(capabilities=(warm, warm)), WORLD)


@pytest.mark.parametrize(
    ("config", "matter"), [(dqn.Config(hidden=(8,), batch=2), True), (bc.Config(hidden=(8,), batch=2), False)]
)
def test_own_rewards_matter_to_learners_of_rewards_only(config, matter):
    world = conformance.learner_world()
    assert own_rewards_matter(conformance.Subject(config.build(world.spec), world)) == matter


PLACE = coin_grid.Config(experts=1, size=5, colours=1, coins=1, horizon=6).build()
SMALL = {name: {"capacity": 4} for name in ("plr", "accel")} | {"sfl": {"candidates": 3, "kept": 2}}
SMALL |= {"paired": {"hidden": (4,), "walls": 2, "minibatches": 1}}
SMALL |= {"adr": {"ranges": (adr.Range(param="density", start=(0.2, 0.4), limits=(0.0, 0.5), step=0.05),)}}


@pytest.mark.parametrize("name", [name for name in CURRICULUM.names() if name != "cross_play"])
def test_every_built_in_curriculum_passes(name):
    """cross_play needs a world of partners, see its own tests."""
    check_curriculum(CURRICULUM.config(name)(**SMALL.get(name, {})), PLACE)


RAMP = mixed.Ramp(param="skill", start=(0.0, 0.1), end=(0.8, 0.9), steps=100)


def test_a_curriculum_of_ramps_and_schedules_passes():
    check_curriculum(mixed.Config(presence=(("always", 1.0),), ramps=(RAMP,)))


@dataclasses.dataclass(frozen=True)
class Course:
    """A curriculum with these functions."""

    overrides: object = lambda state, steps, key: {}
    update: object = lambda state, measure, key: (state, {})
    choose: object = None
    learn: object = lambda state, choice, results, key: (state, {})

    def build(self, world):
        return Curriculum(
            init=lambda: {"level": jnp.float32(0)},
            overrides=self.overrides,
            update=self.update,
            chooser=self.choose and self.chooser(world),
        )

    def chooser(self, world):
        def choose(state, key, num_envs):
            levels = jax.vmap(world.sample_level)(jax.random.split(key, num_envs))
            return self.choose(Choice(levels=levels, trains=jnp.ones(num_envs, bool)))

        return Chooser(init=lambda *_: {"seen": jnp.float32(0)}, choose=choose, learn=self.learn)


def walled_in(choice):
    """The choice with walls all around the seats."""

    def walled(level):
        tiles = jnp.where(level.tiles == grid.FLOOR, jnp.uint8(grid.WALL), level.tiles)
        return dataclasses.replace(level, tiles=tiles)

    return dataclasses.replace(choice, levels=jax.vmap(walled)(choice.levels))


def withheld(choice):
    return dataclasses.replace(choice, trains=~choice.trains)


DRAWS, CHOICES = "overrides_fit_the_world", "choices_are_levels"
FAULTS = [
    (
        "overrides_fit_the_world",
        Course(overrides=lambda *_: {"gravity": jnp.float32(1)}),
        "no parameter gravity",
    ),
    (DRAWS, Course(overrides=lambda *_: {"density": jnp.zeros(2)}), "density is (2,)"),
    (
        "overrides_are_pure",
        Course(overrides=lambda *_: {"density": jnp.float32(next(COUNTER))}),
        "two results",
    ),
    (
        "update_keeps_the_state",
        Course(update=lambda s, m, k: ({"level": jnp.int32(1)}, {})),
        "state['level']",
    ),
    (
        "update_keeps_the_state",
        Course(update=lambda s, m, k: (s, {"a": jnp.float32(jnp.nan)})),
        "metric a is nan",
    ),
    (CHOICES, Course(choose=walled_in), "train and cannot be solved"),
    (CHOICES, Course(choose=withheld), "a level does not train, and withholds is False"),
    (
        CHOICES,
        Course(choose=lambda choice: choice, learn=lambda s, c, r, k: (s, {"a": jnp.mean(r.returns) / 0})),
        "metric a is inf",
    ),
]


@pytest.mark.parametrize(("rule", "config", "words"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_a_curriculum_that_breaks_a_rule_is_named_with_the_rule(rule, config, words):
    with pytest.raises(AssertionError) as error:
        check_curriculum(config, PLACE)
    assert str(error.value).startswith(f"Course: {rule}: "), error.value
    assert words in str(error.value)


def test_every_rule_of_curricula_has_one_that_breaks_it():
    assert {rule.__name__ for rule in conformance.CURRICULUM_RULES} == {fault[0] for fault in FAULTS}
