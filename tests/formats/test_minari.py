"""Demonstrations as Minari datasets: read by Minari itself, and back bit for bit."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.record.demonstrations import Demonstrations
from socialrl_envs.errors import SocialRLError
from tests.record.test_demonstrations import SPEC, make

minari = pytest.importorskip("minari")
h5py = pytest.importorskip("h5py")
from socialrl.formats.minari import read_minari, write_minari  # noqa: E402


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder of datasets."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


def lived(connected: bool = True) -> Demonstrations:
    """Made-up episodes; connected: each next view is the view of the step after, as in most worlds."""
    found = make((6, 4, 1))
    obs, discount = np.array(found.steps.obs), np.array(found.steps.discount)
    following = np.concatenate([obs[1:], np.zeros_like(obs[:1])])
    discount[3, 1] = 0  # the task ended
    present = np.array(found.steps.present)
    present[2, 0, 1] = False
    steps = dataclasses.replace(
        found.steps,
        next_obs=jnp.asarray(following) if connected else found.steps.next_obs,
        discount=jnp.asarray(discount),
        present=jnp.asarray(present),
    )
    return dataclasses.replace(found, steps=steps)


def same(one: Demonstrations, other: Demonstrations) -> None:
    for field in dataclasses.fields(one):
        if field.name != "steps":
            assert getattr(one, field.name) == getattr(other, field.name), field.name
    for name, leaf in vars(one.steps).items():
        theirs = vars(other.steps)[name]
        assert (leaf.dtype, leaf.shape) == (theirs.dtype, theirs.shape)
        assert np.asarray(leaf).tobytes() == np.asarray(theirs).tobytes(), name


@pytest.mark.parametrize("connected", [True, False])
def test_a_round_trip_keeps_every_bit(connected):
    demos = lived(connected)
    assert write_minari("mine/demos-v0", demos) == ["mine/demos/expert_0-v0", "mine/demos/expert_1-v0"]
    same(read_minari("mine/demos-v0"), demos)
    one = read_minari("mine/demos/expert_1-v0")
    assert (one.seats, one.actors) == (("expert_1",), ("person",))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:, :, 1:]), one.steps, demos.steps)


def test_minari_itself_reads_a_seat():
    demos = lived()
    write_minari("demos-v1", demos)
    dataset = minari.load_dataset("demos/expert_0-v1")
    assert dataset.observation_space.shape == SPEC.obs_shape
    assert dataset.action_space.n == len(SPEC.actions)
    assert (dataset.total_episodes, dataset.total_steps) == (3, 11)
    assert dataset.storage.metadata["algorithm_name"] == "planner"
    episodes = list(dataset.iterate_episodes())
    assert [len(episode) for episode in episodes] == [6, 4, 1]
    for number, episode in enumerate(episodes):
        np.testing.assert_array_equal(episode.observations[:-1], demos.steps.obs[: len(episode), number, 0])
        np.testing.assert_array_equal(episode.actions, demos.steps.action[: len(episode), number, 0])
        assert np.isnan(episode.rewards).all()
        assert episode.infos["present"].shape == (len(episode) + 1,)
    assert [episode.terminations.tolist()[-1] for episode in episodes] == [False, True, False]
    assert [episode.truncations.tolist()[-1] for episode in episodes] == [True, False, True]
    env = dataset.recover_environment().unwrapped
    assert env.observation_space.shape == SPEC.obs_shape  # pyright: ignore[reportAttributeAccessIssue]


def test_a_dataset_of_other_origin_needs_a_world():
    buffer = minari.data_collector.EpisodeBuffer(
        observations=np.ones((3, *SPEC.obs_shape), np.uint8),
        actions=np.array([0, 4]),
        rewards=[0.0, 1.0],
        terminations=[False, True],
        truncations=[False, False],
    )
    import gymnasium

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about an author, a mail address and a link
        minari.create_dataset_from_buffers(
            "theirs-v0",
            [buffer],
            observation_space=gymnasium.spaces.Box(0, 1, SPEC.obs_shape, np.uint8),
            action_space=gymnasium.spaces.Discrete(5),
            algorithm_name="theirs",
        )
    with pytest.raises(SocialRLError, match="its world is not known"):
        read_minari("theirs-v0")
    found = read_minari("theirs-v0", SPEC)
    found.check_fits(SPEC)
    assert (found.seats, found.actors, found.world) == (("novice_0",), ("theirs",), {"name": "coin_grid"})
    assert found.steps.discount[:, 0, 0].tolist() == [1, 0]
    with pytest.raises(SocialRLError, match=r"actions Discrete\(5\), in coin_grid Discrete\(4\)"):
        read_minari("theirs-v0", dataclasses.replace(SPEC, actions=SPEC.actions[:4]))


def test_what_cannot_be_read_or_written_is_one_line(root):
    with pytest.raises(SocialRLError, match="minari:demos: not a dataset's name"):
        write_minari("demos", make())
    with pytest.raises(SocialRLError, match=r"minari:\.\./x-v0: not a dataset's name"):
        read_minari("../x-v0")
    with pytest.raises(SocialRLError, match="minari:gone-v0: there is no such dataset"):
        read_minari("gone-v0")
    write_minari("demos-v0", make())
    with pytest.raises(SocialRLError, match="minari:demos/expert_0-v0: exists already"):
        write_minari("demos-v0", make())
    file = root / "demos" / "expert_0-v0" / "data" / "main_data.hdf5"
    with h5py.File(file, "a") as opened:
        del opened["episode_1"]
    with pytest.raises(SocialRLError, match="minari:demos-v0: not a Minari dataset, or a damaged one"):
        read_minari("demos-v0")
    write_minari("odd-v0", make())
    with h5py.File(root / "odd" / "expert_1-v0" / "data" / "main_data.hdf5", "a") as opened:
        del opened["episode_0/infos/present"]
        opened["episode_0/infos/present"] = np.ones((3, 2))
    with pytest.raises(SocialRLError, match="minari:odd-v0: not a Minari dataset, or a damaged one"):
        read_minari("odd-v0")
    metadata = root / "odd" / "expert_0-v0" / "data" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('\\"obs_shape\\": [5,', '\\"obs_shape\\": [7,'))
    with pytest.raises(SocialRLError, match=r"minari:odd/expert_0-v0: observations .* not \[7, 5, 5\]"):
        read_minari("odd/expert_0-v0")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SocialRLError, match="minari:demos-v0: not a Minari dataset, or a damaged one"):
        read_minari("demos-v0")


def test_nothing_is_left_of_a_write_that_fails(root, monkeypatch):
    def fails(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(minari.dataset.minari_storage.MinariStorage, "update_metadata", fails)
    with pytest.raises(KeyboardInterrupt):
        write_minari("demos-v0", make())
    assert not list(root.rglob("*.hdf5"))
