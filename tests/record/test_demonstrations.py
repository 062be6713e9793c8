"""Demonstration files: what is written is what is read, numpy alone opens them, and every kind of bad file is
refused.
"""

import dataclasses
import io
import json
import pickle
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl.record import archive as module
from socialrl.record.demonstrations import (
    ARRAYS,
    HEADER,
    Demonstrations,
    read_demonstrations,
    size_in_bytes,
    write_demonstrations,
)
from socialrl.record.replay import save
from socialrl.types import Demonstration
from socialrl_envs.errors import SocialRLError
from tests.record.synthetic import make_replay

SPEC = socialrl_envs.make("coin_grid", size=5, experts=2, coins=1).spec


def make(lengths: tuple[int, ...] = (6, 4), seed: int = 0) -> Demonstrations:
    """Made-up episodes of two seats in a world of SPEC."""
    rng = np.random.default_rng(seed)
    shape = (max(lengths), len(lengths), 2)
    alive = np.arange(shape[0])[:, None, None] < np.array(lengths)[:, None]
    last = np.broadcast_to(np.arange(shape[0])[:, None, None] >= np.array(lengths)[:, None] - 1, shape)
    views = rng.integers(0, 2, (2, *shape, *SPEC.obs_shape)).astype(np.uint8) * alive[..., None, None, None]
    steps = Demonstration(
        obs=jnp.asarray(views[0]),
        action=jnp.asarray((rng.integers(0, 5, shape) * alive).astype(np.int32)),
        next_obs=jnp.asarray(views[1]),
        discount=jnp.asarray(np.broadcast_to(alive, shape).astype(np.float32)),
        last=jnp.asarray(last),
        present=jnp.asarray(np.broadcast_to(alive, shape)),
    )
    return Demonstrations(
        steps=steps,
        world={"name": "coin_grid", "size": 5, "experts": 2, "coins": 1},
        agents=SPEC.agents,
        seats=SPEC.agents[1:],
        actors=("planner", "person"),
        actions=SPEC.actions,
        channels=SPEC.channels,
        obs_shape=SPEC.obs_shape,
        seed=seed,
        versions={"socialrl": "0.1.0"},
    )


@pytest.fixture(scope="module")
def demos():
    return make()


@pytest.fixture
def path(tmp_path, demos):
    write_demonstrations(tmp_path / "good.npz", demos)
    return tmp_path / "good.npz"


def parts(path) -> tuple[dict, dict]:
    with np.load(path, allow_pickle=False) as found:
        arrays = dict(found)
    return json.loads(arrays.pop("header").tobytes()), arrays


def rewrite(path, header, arrays) -> None:
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def refused(path, *words: str) -> None:
    """Reading must end in one line that names the file and each of these words."""
    with pytest.raises(SocialRLError) as caught:
        read_demonstrations(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(path), *words):
        assert word in message


def test_round_trip(path, demos):
    found = read_demonstrations(path)
    jax.tree.map(np.testing.assert_array_equal, found.steps, demos.steps)
    for field in dataclasses.fields(Demonstrations):
        if field.name != "steps":
            assert getattr(found, field.name) == getattr(demos, field.name)
    assert found.length.tolist() == [6, 4]


def test_numpy_alone_opens_it_and_there_is_no_reward(path):
    header, arrays = parts(path)
    assert header["format"] == "socialrl-demonstrations"
    assert set(arrays) == {field.name for field in dataclasses.fields(Demonstration)} == set(ARRAYS)
    assert {array.shape[:3] for array in arrays.values()} == {(6, 2, 2)}
    assert "reward" not in json.dumps(header)


def test_its_size_is_known_before_it_is_recorded(path, demos):
    _, arrays = parts(path)
    assert size_in_bytes(6, 2, 2, demos.obs_shape) == sum(array.nbytes for array in arrays.values())


def test_it_fits_worlds_in_which_the_same_is_seen_and_done(demos):
    demos.check_fits(SPEC)
    demos.check_fits(socialrl_envs.make("coin_grid", size=5, experts=1, coins=2).spec)
    with pytest.raises(SocialRLError, match=r"obs_shape \(5, 5, 5\), in coin_grid \(9, 9, 5\)"):
        demos.check_fits(socialrl_envs.make("coin_grid", size=7).spec)
    with pytest.raises(SocialRLError, match=r"obs_shape .* in goal_cycle"):
        demos.check_fits(socialrl_envs.make("goal_cycle").spec)


def test_missing_truncated_and_foreign_files(path, tmp_path):
    refused(tmp_path / "gone.npz", "cannot read this demonstration file")
    data = path.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        refused(path)
    save(path, make_replay())
    refused(path, "this is not a socialrl demonstration file", "socialrl record")
    np.savez(path, x=np.zeros(3))
    refused(path, "this is not a socialrl demonstration file")


def test_nothing_is_unpickled(path, tmp_path):
    header, arrays = parts(path)
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return ran.touch, ()

    path.write_bytes(pickle.dumps(Hostile()))
    refused(path)
    objects = io.BytesIO()
    np.save(objects, np.array([Hostile()], object), allow_pickle=True)
    arrays.pop("last")
    rewrite(path, header, arrays)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("last.npy", objects.getvalue())
    refused(path, "array last")
    assert not ran.exists()


def test_oversized(path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    refused(path, "MiB of arrays")
    before = path.read_bytes()
    with pytest.raises(SocialRLError, match=r"too large to be read back .*fewer or shorter"):
        write_demonstrations(path, make())
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", sorted(HEADER.keys() - {"format", "version"}))
def test_every_key_is_needed_and_checked(path, key):
    header, arrays = parts(path)
    rewrite(path, header | {key: -1}, arrays)
    refused(path, f"header: {key} must be")
    del header[key]
    rewrite(path, header, arrays)
    refused(path, f"header: {key} is missing")


def test_header_and_arrays_must_agree(path):
    header, arrays = parts(path)
    for change, word in (
        ({"version": 2}, "format version 2, this program reads 1"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"seats": ["expert_0"], "actors": ["planner"]}, "array obs has shape"),
        ({"actors": ["planner"]}, "actors must be 2"),
        ({"seats": ["expert_0", "expert_7"]}, "seats must be among"),
        ({"channels": ["wall"]}, "channels must be 5"),
        ({"actions": ["up"]}, "array action holds"),
    ):
        rewrite(path, header | change, arrays)
        refused(path, word)


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_every_array_is_needed_and_checked(path, name):
    header, arrays = parts(path)
    rewrite(path, header, arrays | {name: arrays[name].astype(np.float64)})
    refused(path, f"array {name} holds float64")
    rewrite(path, header, arrays | {name: arrays[name][:-1]})
    refused(path, "has shape")
    rewrite(path, header, {other: array for other, array in arrays.items() if other != name})
    refused(path, f"array {name} is missing")


def test_entries_out_of_range(path):
    header, arrays = parts(path)
    for name, value, word in (
        ("action", 5, "array action holds 5, it must be in 0..4"),
        ("action", -1, "array action holds -1"),
        ("discount", np.nan, "array discount holds nan"),
        ("discount", 1.5, "array discount holds 1.5"),
    ):
        wrong = arrays[name].copy()
        wrong[0, 0, 0] = value
        rewrite(path, header, arrays | {name: wrong})
        refused(path, word)
    rewrite(path, header, arrays | {"last": np.zeros_like(arrays["last"])})
    refused(path, "array last must be true in the last step")
    odd = arrays["last"].copy()
    odd[0, 0, 0] = True
    rewrite(path, header, arrays | {"last": odd})
    refused(path, "the same for all seats")
    rewrite(path, header, arrays | {"extra": np.zeros(2)})
    refused(path, "unknown array 'extra'")
    rewrite(path, header, arrays | {"present": np.full((6, 2, 2), 7, np.uint8).view(bool)})
    refused(path, "neither true nor false")
