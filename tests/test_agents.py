"""Trained agents: they act as their own rollout does, from a run or a file, and a bad file is refused."""

import dataclasses
import functools
import json
import random
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.acting import leaves_by_path, leaves_read, template_of
from socialrl.agents import Agent, load_policy, load_trained, parse_address
from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment, to_json
from socialrl.learners import bc, dqn, ppo, psiphi
from socialrl.record import agent_file, archive, checkpoint, folder
from socialrl.registry import LEARNER
from socialrl_envs import hosting
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid
from tests.learners.lab import same, small

HORIZON = 6
SMALL = {"hidden": (8,), "batch": 2, "updates": 1, "capacity": 40}
ARMS = (
    Arm(name="psiphi", learner=psiphi.Config(memory="gru", cumulants=3, **SMALL)),
    Arm(name="ppo", learner=ppo.Config(memory="lstm", hidden=(8,), parameter_sharing=False)),
    Arm(name="bc", learner=bc.Config(memory="gru", pooled=False, **SMALL)),
    Arm(name="idle", learner=dqn.Config(**SMALL)),
)
EXPERIMENT = Experiment(
    name="tiny",
    question="Does it act alike?",
    world=coin_grid.Config(novices=2, experts=1, size=5, colours=2, coins=2, horizon=HORIZON),
    arms=ARMS,
    seeds=2,
    num_envs=2,
    unroll_length=5,
    num_levels=4,
)


@functools.cache
def made(name):
    return assemble(EXPERIMENT, next(arm for arm in ARMS if arm.name == name))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a checkpoint, of untrained learners, of all arms but one."""
    path = tmp_path_factory.mktemp("runs") / "001"
    with folder.create(to_json(EXPERIMENT), out=path) as opened:
        for arm in ARMS[:-1]:
            start = jax.jit(made(arm.name).trainer.start)
            checkpoint.save(
                opened.checkpoints(arm.name) / "20", [start(jax.random.key(seed)) for seed in range(2)]
            )
    return path


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "agent.npz"
    load_trained(run, "psiphi", 1).save(path)
    return path


@functools.cache
def lived(run, name):
    """(views, rewards before each step, trace) of greedy episodes of seed 1 in the rollout of its arm."""
    parts = made(name)
    state = parts.restored(run, run / "checkpoints" / name)[0][1].learner

    @jax.jit
    def episodes(state, key):
        pool_key, key = jax.random.split(key)
        trace = parts.rollout.episodes(state, parts.rollout.pool(pool_key, 3), key)
        return trace, jax.vmap(jax.vmap(parts.world.observe))(trace.states)[:-1]

    trace, views = jax.device_get(episodes(state, jax.random.key(3)))
    rewards = np.concatenate([np.zeros_like(trace.outcome.reward[:1]), trace.outcome.reward[:-1]])
    return views, rewards, trace


@pytest.mark.parametrize(("name", "novice"), [("psiphi", 1), ("ppo", 0), ("ppo", 1), ("bc", 0)])
def test_it_acts_as_the_rollout_of_its_arm(run, tmp_path, name, novice):
    """From the run, from a file, one by one, as a batch, and traced: in each case with memory."""
    views, rewards, trace = lived(run, name)
    seat = EXPERIMENT.world.build().spec.novices[novice]
    wanted = jax.tree.map(lambda leaf: leaf[:, :, novice], trace.decision)
    from_run = load_trained(run, name, 1, novice=novice)
    from_run.save(tmp_path / "agent.npz")
    from_file = load_policy(tmp_path / "agent.npz")
    for agent in (from_run, from_file):
        agent.reset()
        for t in range(HORIZON):
            step = agent.act(views[t, :, seat], rewards[t, :, seat])
            np.testing.assert_array_equal(step.action, wanted.action[t])
            np.testing.assert_array_equal(step.decision.source, wanted.source[t])
            np.testing.assert_array_equal(step.decision.values, wanted.values[t])
            np.testing.assert_array_equal(step.decision.influence, wanted.influence[t])
    agent.reset()
    alone = [agent.act(views[t, 1, seat], rewards[t, 1, seat]) for t in range(HORIZON)]
    np.testing.assert_array_equal([step.action for step in alone], wanted.action[:, 1])
    assert (alone[0].action.shape, alone[0].decision.values.shape) == ((), wanted.values.shape[2:])

    init, apply = agent.pure()

    def body(carry, now):
        action, decision, carry = apply(carry, *now, jax.random.key(0))
        return carry, (action, decision)

    first = np.arange(HORIZON) == 0
    inputs = (jnp.asarray(views[:, 1, seat]), jnp.asarray(rewards[:, 1, seat]), jnp.asarray(first))
    _, (action, decision) = jax.jit(lambda now: jax.lax.scan(body, init(), now))(inputs)
    np.testing.assert_array_equal(action, wanted.action[:, 1])
    for t, step in enumerate(alone):
        np.testing.assert_array_equal(decision.values[t], step.decision.values)


def test_a_run_and_its_file_are_the_same_bits(run, exported):
    one, other = load_trained(run, "psiphi", 1), load_policy(exported)
    assert same(one.leaves, other.leaves)
    assert one.facts == other.facts
    assert one.config == other.config == ARMS[0].learner
    assert one.spec == EXPERIMENT.world.build().spec
    assert other.world == EXPERIMENT.world
    views = np.random.default_rng(0).integers(0, 2, (4, *one.spec.obs_shape)).astype(np.uint8)
    assert same(one.act(views), other.act(views))


def test_as_a_co_player_it_does_the_same(exported):
    agent = load_policy(exported)
    view = jnp.ones(agent.spec.obs_shape, jnp.uint8)
    carry, other = agent.initial_carry(), agent.initial_carry()
    for first in (True, False, False):
        now = (view, jnp.float32(0.5), jnp.array(first))
        action, carry = agent.apply_policy(carry, *now, jax.random.key(0))
        wanted, _, other = agent.apply(other, *now, jax.random.key(0))
        assert (action.shape, action.dtype, int(action)) == ((), jnp.int32, int(wanted))
        assert same(carry, other)


@pytest.mark.parametrize("named", [True, False], ids=["by its file", "as a function"])
def test_hosted_in_an_experts_seat_it_does_what_it_does_alone(exported, named):
    """It keeps its memory and gets its own reward."""
    agent = load_policy(exported)
    experts = (Seat(policy=str(exported)),) if named else 1
    world = dataclasses.replace(EXPERIMENT.world, novices=1, experts=experts).build()
    host = hosting.host(world, None if named else {"expert_0": agent})

    @jax.jit
    def begin(level_key, reset_key):
        return hosting.begin(host, world.sample_level(level_key), reset_key)

    @jax.jit
    def go_on(episode, key):
        host_key, _ = jax.random.split(jax.random.clone(key))
        actions, _ = host.act(episode.memory, episode.state, episode.reward, host_key)
        driven = np.array([False, True])
        after, _ = hosting.advance(host, episode, jnp.array([4, 0], jnp.int32), driven, key)
        return world.observe(episode.state)[1], actions[1], after

    level_key, reset_key, *keys = jax.random.split(jax.random.key(3), 2 + HORIZON)
    episode = begin(level_key, reset_key)
    agent.reset(seed=0)
    for key in keys:
        reward = float(episode.reward[1])
        view, action, episode = go_on(episode, key)
        assert int(action) == int(agent.act(np.asarray(view), reward=reward).action)


def test_first_forgets_one_row_and_reset_all(exported):
    agent = load_policy(exported)
    views = np.random.default_rng(1).integers(0, 2, (2, *agent.spec.obs_shape)).astype(np.uint8)
    start = agent.act(views)
    later = agent.act(views, 1.0)
    assert not np.array_equal(start.decision.values, later.decision.values)
    half = agent.act(views, 1.0, first=np.array([True, False]))
    np.testing.assert_array_equal(half.decision.values[0], start.decision.values[0])
    assert not np.array_equal(half.decision.values[1], start.decision.values[1])
    agent.reset(batch=2)
    assert same(agent.act(views), start)


def test_it_explores_when_it_is_not_greedy_and_its_seed_decides(exported):
    agent = load_policy(exported, greedy=False)
    views = np.ones((64, *agent.spec.obs_shape), np.uint8)
    draws = []
    for seed in (0, 0, 1):
        agent.reset(seed=seed)
        draws.append(agent.act(views).action)
    assert len(set(draws[0].tolist())) > 1
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_only_what_acting_reads_is_kept(run, exported):
    facts, arrays = agent_file.load(exported)
    assert arrays
    assert not any(name.startswith(("target", "buffer", "optimiser")) for name in arrays)
    template = load_policy(exported).acting.template
    assert any(name.startswith("buffer") for name in leaves_by_path(template))
    assert (facts.title, facts.unroll_length, facts.num_envs) == ("psiphi, seed 1, step 20 of tiny", 5, 2)
    with np.load(exported, allow_pickle=False) as opened:  # plain numpy reads it
        assert json.loads(opened["header"].tobytes())["format"] == "socialrl-agent"
        assert all(name.startswith("state/") for name in opened.files if name != "header")


@pytest.mark.parametrize("name", LEARNER.names())
def test_every_learner_can_be_exported(name):
    """Acting reads few of its leaves, and neither the optimiser's nor those of a buffer."""
    spec = EXPERIMENT.world.build().spec
    config = small(name, memory="gru")
    template = template_of(config, spec, 5, 2)
    read = leaves_read(config, spec, template, 1)
    assert read
    assert read < leaves_by_path(template).keys()
    assert not any(path.startswith(("target", "buffer", "optimiser")) for path in read)


def test_float16_halves_the_parameters_and_rounds_them(exported, tmp_path):
    agent, small = load_policy(exported), tmp_path / "small.npz"
    agent.save(small, dtype="float16")
    assert small.stat().st_size < exported.stat().st_size
    for name, leaf in load_policy(small).leaves.items():
        assert leaf.dtype == agent.leaves[name].dtype
        np.testing.assert_allclose(leaf, agent.leaves[name], rtol=2**-11, atol=2**-24)
    wild = {name: leaf * 1e6 if leaf.dtype == jnp.float32 else leaf for name, leaf in agent.leaves.items()}
    with pytest.raises(SocialRLError, match="beyond the range of float16"):
        Agent(agent.facts, wild).save(small, dtype="float16")


def test_it_shows_itself(exported):
    agent = load_policy(exported)
    assert repr(agent).startswith("Agent(psiphi, seed 1, step 20 of tiny, psiphi, ")
    hostile = Agent(dataclasses.replace(agent.facts, arm="<script>"), agent.leaves)
    assert "<script>" not in hostile._repr_html_()
    assert "&lt;script&gt;" in hostile._repr_html_()


# What is refused.


def test_a_world_that_it_does_not_fit_is_told_by_the_first_fact(exported):
    agent, spec = load_policy(exported), EXPERIMENT.world.build().spec
    agent.check_fits(spec)
    agent.check_fits(dataclasses.replace(spec, horizon=9, height=7))
    other = dataclasses.replace(spec, obs_shape=(9, 9, 4), actions=("left", "right"))
    with pytest.raises(SocialRLError, match=r"learnt with obs_shape \(5, 5, 4\), coin_grid has \(9, 9, 4\)"):
        agent.check_fits(other)
    with pytest.raises(SocialRLError, match=r"^a file: .* learnt with actions"):
        agent.check_fits(dataclasses.replace(spec, actions=("left", "right")), "a file")


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (np.zeros((5, 5, 3), np.uint8), r"observation: uint8 \(5, 5, 3\)"),
        (np.zeros((5, 5, 4), np.float32), r"observation: float32 \(5, 5, 4\)"),
        (np.zeros((1, 2, 5, 5, 4), np.uint8), r"the agent takes uint8 \(5, 5, 4\), or a batch of these"),
        (np.zeros((3, 5, 5, 4), np.uint8), r"a batch of shape \(3,\), before it was \(2,\)"),
        (np.zeros((5, 5, 4), np.uint8), r"a batch of shape \(\), before it was \(2,\)"),
    ],
)
def test_an_observation_of_another_shape_or_dtype_is_refused(exported, observation, message):
    agent = load_policy(exported)
    agent.act(np.zeros((2, 5, 5, 4), np.uint8))
    with pytest.raises(SocialRLError, match=message):
        agent.act(observation)


def test_a_reward_of_another_shape_is_refused(exported):
    agent = load_policy(exported)
    with pytest.raises(SocialRLError, match=r"reward: shape \(3,\) \(give one number, or 2, one per row"):
        agent.act(np.zeros((2, 5, 5, 4), np.uint8), np.zeros(3, np.float32))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("RUN", "has arms psiphi, ppo, bc, idle"),
        ("RUN:psipi", "did you mean 'psiphi'"),
        ("RUN:psiphi:2", r"the run has seeds 0\.\.1"),
        ("RUN:psiphi:x", "names no agent"),
        ("RUN:psiphi:0:0", "names no agent"),
        ("RUN:idle", "arm idle has no checkpoint"),
        ("nowhere:psiphi", "not a run folder"),
    ],
)
def test_what_a_run_does_not_have_is_refused(run, address, message):
    with pytest.raises(SocialRLError, match=message):
        load_trained(*parse_address(address.replace("RUN", str(run))))


def test_a_novice_that_is_not_there_is_refused(run):
    with pytest.raises(SocialRLError, match="novice 2: the world has 2"):
        load_trained(run, "psiphi", novice=2)


def rewritten(source, path, change):
    """A file with another header, whose checksum is right."""
    with archive.reading(source, agent_file.KIND) as found:
        header, arrays = found.header, found.arrays(found.layout())
    del header["checksum"]
    change(header, arrays)
    header["checksum"] = agent_file._checksum(header, arrays)
    archive.write(path, header, arrays, agent_file.KIND, lambda *_: None)
    return path


def drop_an_array(header, arrays):
    del arrays[min(arrays)]


def add_an_array(header, arrays):
    arrays["state/more"] = np.zeros(3, np.float32)


def of_another_shape(header, arrays):
    arrays[min(arrays)] = np.zeros((3, 3), np.float32)


@pytest.mark.parametrize("depth", [400, 100_000])
def test_a_header_of_nested_brackets_is_refused(exported, tmp_path, depth):
    with np.load(exported) as opened:
        arrays = dict(opened)
    text = arrays["header"].tobytes().replace(b'"hidden": [8]', b'"hidden": ' + b"[" * depth + b"]" * depth)
    arrays["header"] = np.frombuffer(text, np.uint8)
    np.savez(tmp_path / "agent.npz", **arrays)
    with pytest.raises(SocialRLError, match=f"^{tmp_path}/agent.npz: "):
        load_policy(tmp_path / "agent.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h.update(version=2), "agent format version 2, this program reads 1"),
        (lambda h, a: h.update(format="socialrl-replay"), "not a socialrl agent"),
        (lambda h, a: h["learner"].update(name="mine"), "unknown learner 'mine' (allow it by --plugin"),
        (lambda h, a: h["learner"].update(name="os.system"), "unknown learner 'os.system'"),
        (lambda h, a: h["learner"].update(gama=0.5), "unknown key 'learner.gama'"),
        (lambda h, a: h["learner"].update(hidden=[0]), "learner.hidden"),
        (lambda h, a: h["learner"].update(hidden=[10**30]), "its learner cannot be built"),
        (lambda h, a: h["learner"].update(hidden=[2] * 40_000), "its config is too long"),
        (lambda h, a: h["learner"].update(hidden=[16]), "its learner has float32"),
        (lambda h, a: h["spec"].update(obs_shape=[5, 5]), "spec.obs_shape"),
        (lambda h, a: h["spec"].update(seats=[]), "novice 0: the world has 0"),
        (lambda h, a: h.update(novice=7), "novice 7: the world has 2"),
        (lambda h, a: h.update(more=1), "unknown key 'more'"),
        (lambda h, a: h.update(num_envs=0), "num_envs must be a positive whole number"),
        (
            lambda h, a: (h["learner"].update(cumulants=10**6), a.clear()),
            "is missing",
        ),  # nothing is allocated
        (drop_an_array, "is missing"),
        (add_an_array, "unknown array 'more'"),
        (of_another_shape, "its learner has"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(exported, tmp_path, change, message):
    path = rewritten(exported, tmp_path / "agent.npz", change)
    with pytest.raises(SocialRLError) as error:
        load_policy(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ")
    assert message in line
    assert "\n" not in line


def test_a_demonstration_file_that_it_names_is_not_opened(run):
    """Training alone reads it, so that an agent can be loaded where it is not."""
    path = run.parent / "002"
    arm = dataclasses.replace(ARMS[2], learner=dataclasses.replace(ARMS[2].learner, pooled=True))
    start = jax.jit(assemble(EXPERIMENT, arm).trainer.start)
    data = to_json(dataclasses.replace(EXPERIMENT, arms=(arm,)))
    data["arms"][0]["learner"] |= {"demonstrations": "nowhere.npz", "offline": 3}
    with folder.create(data, out=path) as opened:
        checkpoint.save(opened.checkpoints("bc") / "20", [start(jax.random.key(seed)) for seed in range(2)])
    assert load_trained(path).config.demonstrations == ""


def test_thousands_of_mutations_are_refused_or_change_nothing(exported, tmp_path, monkeypatch):
    """Bytes changed, cut, doubled and moved: one line each, and nothing but numbers is ever read.

    What survives, e.g. another date in the zip file, holds the very facts and arrays that were written.
    """
    monkeypatch.setattr("pickle.loads", lambda *_: pytest.fail("unpickled"))
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("unpickled"))
    facts, arrays = agent_file.load(exported)
    data, rng, path = exported.read_bytes(), random.Random(0), tmp_path / "mutated.npz"
    lines: list[str] = []
    for number in range(3_000):
        mutated = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(len(mutated))
            kind = number % 4
            if kind == 0:
                mutated[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                mutated[at] = rng.randrange(256)
            elif kind == 2:
                del mutated[at : at + rng.randrange(1, 40)]
            else:
                mutated[at:at] = mutated[at : at + rng.randrange(1, 40)]
        path.write_bytes(mutated)
        try:
            found = agent_file.load(path)
        except SocialRLError as error:
            lines.append(str(error))
        else:
            assert found[0] == facts
            assert same(found[1], arrays)
    assert len(lines) > 2_000
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in lines)
    for length in (0, 1, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(SocialRLError, match=r"not a agent|not an agent|damaged"):
            load_policy(path)


def test_the_checksum_is_what_it_says(exported):
    with archive.reading(exported, agent_file.KIND) as found:
        header, arrays = found.header, found.arrays(found.layout())
    saved = header.pop("checksum")
    crc = zlib.crc32(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        crc = zlib.crc32(array.tobytes(), zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), crc))
    assert crc == saved
