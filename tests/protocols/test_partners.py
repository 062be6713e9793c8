"""Self-play, then a population of its checkpoints, then partners never met: a tiny run from end to end, and
the conditions of the protocol in numbers.
"""

import dataclasses
import json

import jax
import numpy as np
import pytest

from socialrl.agents import load_trained, population
from socialrl.arm import ArmRun
from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment, Partners, from_json, to_json
from socialrl.learners import dqn, ppo
from socialrl.overrides import apply
from socialrl.protocols import partners
from socialrl.record import checkpoint, folder, labels
from socialrl.record.metrics import Records
from socialrl.report.reading import read
from socialrl.report.section import Context
from socialrl.report.sections import partners as section
from socialrl.report.sections.partners import column, of_seeds, square
from socialrl.sweep.plan import Plan
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, rendezvous

WORLD = rendezvous.Config(size=5, places=2, horizon=5)
LEARNER = ppo.Config(hidden=(8,), memory="none", minibatches=1)
SELF_PLAY = Arm(name="self_play", learner=LEARNER, world=dataclasses.replace(WORLD, novices=2, experts=0))
FCP = Arm(
    name="fcp",
    learner=LEARNER,
    world=dataclasses.replace(WORLD, redrawn="partners"),
    partners=Partners(arms=("self_play",), at=(1.0, 0.0)),
)
INSISTS = Seat(policy="planner", preferences=(1.0, -1.0, -0.5))
PROTOCOL = partners.Config(episodes=4, conventions=())
LATER = dataclasses.replace(FCP, name="later", partners=Partners(arms=("fcp",), at=(0.5,)))
EXPERIMENT = Experiment(
    name="tiny",
    question="Does it run?",
    world=WORLD,
    arms=(SELF_PLAY, FCP, LATER),
    seeds=3,
    steps=30,
    num_envs=2,
    unroll_length=5,
    num_levels=4,
    chunk=1,
    evaluation_episodes=2,
    final_episodes=2,
    replay_episodes=1,
    checkpoint_every=10,
    keep_checkpoints=1,
    protocols=(PROTOCOL,),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with two checkpoints of self_play, of untrained learners that differ, beside which fcp learnt."""
    path = tmp_path_factory.mktemp("runs") / "001"
    with folder.create(to_json(EXPERIMENT), out=path) as opened:
        start = jax.jit(assemble(EXPERIMENT, SELF_PLAY).trainer.start)
        for step in (0, 30):
            learners = [start(jax.random.key(step + seed)) for seed in range(3)]
            checkpoint.save(opened.checkpoints("self_play") / str(step), learners)
        records = Records(opened.metrics), Records(opened.timing)
        ArmRun(EXPERIMENT, FCP, opened, *records, lambda: False, progress=False).go(resume=False)
    return path


def states(run, arm, step):
    """The learner's parameters of every seed at a checkpoint."""
    made = assemble(EXPERIMENT, arm)
    return made, made.restored(run, run / "checkpoints" / arm.name, step)[0]


def test_partners_are_the_next_seeds_least_trained_first(run):
    found = assemble(EXPERIMENT, FCP).partners(run)
    for row, step in enumerate((0, 30)):
        made, lent = states(run, SELF_PLAY, step)
        for seed in range(3):
            [wanted] = made.members([lent[(seed + 1) % 3]]).leaves
            assert found[seed].keys() == wanted.keys()
            for name, leaf in wanted.items():
                np.testing.assert_array_equal(found[seed][name][row], leaf)
    name = next(name for name in found[0] if name.endswith("kernel"))
    assert (found[0][name][0] != found[0][name][1]).any()
    assert (found[0][name] != found[1][name]).any()


def test_checkpoints_that_others_need_are_kept(run):
    """Only the last one would be: `later` takes agents after half of the training, in whole chunks."""
    assert (EXPERIMENT.lent("self_play"), EXPERIMENT.lent("later")) == ((0, 30), ())
    assert EXPERIMENT.lent("fcp") == (20,)
    assert checkpoint.steps(run / "checkpoints" / "fcp") == (20, 30)


def test_training_goes_on_from_a_checkpoint_beside_the_same_partners(run):
    """A chunk from one checkpoint, beside partners that are read from the run, is the next bit for bit."""
    made, before = states(run, FCP, 20)
    training, _ = jax.jit(made.trainer.chunk)(before[1], made.partners(run)[1])
    _, after = states(run, FCP, 30)
    for mine, theirs in zip(jax.tree.leaves(training), jax.tree.leaves(after[1]), strict=True):
        if not jax.dtypes.issubdtype(mine.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(mine, theirs)


def test_the_records_are_the_cross_play_of_all_seeds(run):
    fcp = next(arm for arm in read(run).arms if arm.name == "fcp")
    measured = fcp.measured(labels.Partners)
    found = {tuple(one.to_json().values()): record.values["return"] for one, record in measured}
    single = [("agent", arm, f"+{k}") for arm in ("self_play", "fcp") for k in range(3)]
    means = [
        ("agent", "self_play", "met"),
        ("agent", "self_play", "held out"),
        ("agent", "fcp", "itself"),
        ("agent", "fcp", "held out"),
        ("agent", "all", "held out"),
    ]
    assert set(found) == {*single, *means}
    study = assemble(EXPERIMENT, FCP).study(states(run, FCP, 30)[1], run=run)
    assert PROTOCOL.count(study) == len(found)
    assert all(values.shape == (3,) for values in found.values())
    of_self_play = [found["agent", "self_play", f"+{k}"] for k in range(3)]
    np.testing.assert_allclose(found["agent", "self_play", "met"], of_self_play[1])
    np.testing.assert_allclose(
        found["agent", "self_play", "held out"], (of_self_play[0] + of_self_play[2]) / 2, rtol=1e-6
    )
    assert set(of_seeds(fcp)) == {"self_play", "fcp"}
    shifts = {0: np.array([0.0, 11.0, 22.0]), 1: np.array([1.0, 12.0, 20.0])}
    np.testing.assert_array_equal(square(shifts), [[0, 1, np.nan], [np.nan, 11, 12], [20, np.nan, 22]])


def test_exported_agents_are_met_as_in_their_run(run, tmp_path):
    for seed in (0, 2):
        load_trained(run, "self_play", seed=seed).save(tmp_path / f"seed_{seed}.npz")
    made, trained = states(run, FCP, 30)
    study, protocol = made.study(trained, run=run), dataclasses.replace(PROTOCOL, agents=(str(tmp_path),))
    assert protocol.count(study) == PROTOCOL.count(study) + 3
    values = {one.partner: study.seeds.values(values)["return"] for one, values in protocol.exported(study)}
    [fcp] = [arm for arm in read(run).arms if arm.name == "fcp"]
    matrix = of_seeds(fcp)["self_play"]
    np.testing.assert_allclose(values["seed_0"], matrix[:, 0])
    np.testing.assert_allclose(values["seed_2"], matrix[:, 2])
    np.testing.assert_allclose(values["all"], (matrix[:, 0] + matrix[:, 2]) / 2, rtol=1e-6)
    assert list(values) == ["seed_0", "seed_2", "all"]


def test_exported_agents_that_do_not_fit_are_left_out_or_told(run, tmp_path):
    path = str(tmp_path / "one.npz")
    load_trained(run, "self_play").save(path)
    larger = dataclasses.replace(WORLD, size=6).build()
    for given, told in (
        ((path,), r"one.npz learnt with obs_shape \(5, 5, 4\), rendezvous has"),
        ((str(tmp_path / "none"),), "none: no exported agent there"),
    ):
        with pytest.raises(SocialRLError, match=told):
            dataclasses.replace(PROTOCOL, agents=given).exports(larger)
    with pytest.raises(SocialRLError, match="two are called 'one'"):
        dataclasses.replace(PROTOCOL, agents=(path, path)).exports(WORLD.build())
    assert PROTOCOL.exports(WORLD.build()) == {}  # those that ship learnt in a larger world
    assert column(labels.Partners("exported", "one", ""), "fcp") == "one, exported"


def test_the_section_shows_the_matrices(run):
    context = Context(study=read(run), styles={}, colours={}, shown=(), findings=())
    page = "".join(part for part in section.render(context) or () if part)
    columns = (">self_play, met<", ">itself<", ">own arm, held out<", ">all, held out<")
    for text in (">fcp<", *columns, "Seed by seed"):
        assert text in page
    assert page.count("<svg") == 2
    assert column(labels.Partners("agent", "fcp", "+1"), "fcp") == ""
    assert column(labels.Partners("convention", "all", ""), "fcp") == "all conventions"


def test_an_agent_of_an_arm_with_partners_is_loaded_without_them(run):
    agent = load_trained(run, "fcp", seed=2)
    assert agent.facts.learner["name"] == "ppo"
    _, kept = states(run, FCP, 30)
    name, leaf = next((name, leaf) for name, leaf in agent.leaves.items() if name.endswith("kernel"))
    [wanted] = assemble(EXPERIMENT, FCP).members([kept[2]]).leaves
    np.testing.assert_array_equal(leaf, wanted[name])
    both = population([load_trained(run, "self_play", seed=1), agent])
    assert both.size == 2
    np.testing.assert_array_equal(both.leaves[name][1], leaf)
    assert len(EXPERIMENT.alone(LATER).arms) == 2


def test_an_experiment_with_partners_survives_json():
    assert from_json(json.loads(json.dumps(to_json(EXPERIMENT)))) == EXPERIMENT
    assert FCP.partners is not None
    assert FCP.partners.at == (0.0, 1.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"arms": (FCP, SELF_PLAY)}, "arm fcp: partners of arm 'self_play'"),
        ({"arms": (FCP,)}, "list that arm before it; before it are none"),
    ],
)
def test_partners_that_are_not_there_are_told(change, told):
    with pytest.raises(SocialRLError) as error:
        dataclasses.replace(EXPERIMENT, **change)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        ({"world": SELF_PLAY.world}, "fcp.partners: the world has no co-player"),
        ({"world": dataclasses.replace(WORLD, size=6)}, "learnt with obs_shape (5, 5, 4), rendezvous has"),
        ({"world": coin_grid.Config(size=5, colours=1)}, "learnt with obs_shape"),
    ],
)
def test_partners_that_do_not_fit_are_told_before_training(arm, told):
    other = dataclasses.replace(EXPERIMENT, arms=(SELF_PLAY, dataclasses.replace(FCP, **arm)))
    with pytest.raises(SocialRLError) as error:
        assemble(other, other.arms[1])
    assert told in str(error.value)


def test_partners_are_set_from_the_command_line():
    for key in ("--fcp.partners.seeds", "--partners.seeds"):
        changed = apply(EXPERIMENT, [key, "2"]).arms[1].partners
        assert changed == dataclasses.replace(FCP.partners, seeds=2)
    with pytest.raises(SocialRLError, match=r"unknown key --partners.seed \(did you mean"):
        apply(EXPERIMENT, ["--partners.seed", "2"])


def test_a_sweep_trains_no_arm_apart_from_its_partners():
    with pytest.raises(SocialRLError, match="fcp: its partners are agents of self_play, which a sweep"):
        Plan(block=1).tasks(EXPERIMENT)


def test_nobody_is_to_meet_itself():
    many = dataclasses.replace(FCP, partners=Partners(arms=("self_play",), seeds=3))
    with pytest.raises(SocialRLError, match=r"fcp.partners.seeds: 3 \(it must be less than --seeds, 3"):
        dataclasses.replace(EXPERIMENT, arms=(SELF_PLAY, many)).check_run()
    with pytest.raises(SocialRLError, match=r"partners.arms"):
        Partners(arms=())


def test_what_the_protocol_cannot_measure_is_told():
    learner = dqn.Config(hidden=(8,), capacity=20, batch=2)
    apart = Arm(name="self_play", learner=learner, world=SELF_PLAY.world)
    one = dataclasses.replace(EXPERIMENT, arms=(apart,))
    made = assemble(one, apart)
    study = made.study([made.template])
    with pytest.raises(SocialRLError, match="2 novices learnt, 1 are to act"):
        PROTOCOL.count(study)
    with pytest.raises(SocialRLError, match="conventions that differ"):
        partners.Config(conventions=(INSISTS, INSISTS))
