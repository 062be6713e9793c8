"""Checkpoints: the same bits back, and one clear refusal for anything else."""

import contextlib
import errno
import json
import os
import resource
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from socialrl.record import checkpoint
from socialrl_envs.errors import SocialRLError


def state(seed=0):
    keys = jax.random.split(jax.random.key(seed), 4)
    params = {
        "torso": [jax.random.normal(keys[0], (3, 2)), jnp.zeros((0, 5))],
        "a/b.c": jnp.array([True, False]),
    }
    return {
        "params": params,
        "optimiser": optax.adam(1e-3).init(params["torso"]),
        "key": keys[1],
        "keys": jax.random.split(keys[2], (2, 3)),
        "other_key": jax.random.key(7, impl="rbg"),
        "obs": jnp.arange(24, dtype=jnp.uint8).reshape(2, 3, 4),
        "step": jnp.int32(-5),
        "half": jnp.array([1.5, -2.25], jnp.bfloat16),
        "host": np.array([1.0, np.nan]),
        "count": 3,
        "rate": 0.1,
    }


def bits(tree):
    def one(leaf):
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return str(leaf.dtype), np.asarray(jax.random.key_data(leaf)).tobytes()
        array = np.asarray(leaf)
        return str(array.dtype), array.shape, array.tobytes(), type(leaf)

    return jax.tree.map(one, tree)


def test_every_kind_of_leaf_comes_back_bit_for_bit(tmp_path):
    saved = state()
    path = checkpoint.save(tmp_path / "ck" / "100", saved, {"arm": "psiphi", "seeds": [1, 2]})
    restored, metadata = checkpoint.restore(path, state(seed=1))
    assert bits(restored) == bits(saved)
    assert metadata == {"arm": "psiphi", "seeds": [1, 2]} == checkpoint.metadata(path)


def test_restored_keys_draw_the_same_numbers(tmp_path):
    path = checkpoint.save(tmp_path / "1", {"key": jax.random.key(3)})
    restored, _ = checkpoint.restore(path, {"key": jax.random.key(0)})
    assert jax.random.uniform(restored["key"]) == jax.random.uniform(jax.random.key(3))


def test_shapes_alone_are_template_enough(tmp_path):
    def make():
        return {"w": jnp.ones((2, 2)), "key": jax.random.key(5)}

    path = checkpoint.save(tmp_path / "1", make())
    restored, _ = checkpoint.restore(path, jax.eval_shape(make))
    assert bits(restored) == bits(make())


def test_an_empty_tree_and_a_bare_leaf(tmp_path):
    assert checkpoint.restore(checkpoint.save(tmp_path / "1", {"a": None}), {"a": None})[0] == {"a": None}
    assert int(checkpoint.restore(checkpoint.save(tmp_path / "2", jnp.int32(4)), jnp.int32(0))[0]) == 4


def test_the_latest_are_kept(tmp_path):
    for step in (50, 100, 900, 1000):
        checkpoint.save(tmp_path / str(step), {"x": jnp.int32(step)}, keep=2)
    assert checkpoint.steps(tmp_path) == (900, 1000)
    assert checkpoint.latest(tmp_path) == tmp_path / "1000"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1000", "900"]


def test_saving_a_step_again_replaces_it(tmp_path):
    for value in (1, 2):
        checkpoint.save(tmp_path / "10", {"x": jnp.int32(value)})
    assert int(checkpoint.restore(tmp_path / "10", {"x": jnp.int32(0)})[0]["x"]) == 2


def test_an_interrupted_save_leaves_the_older_one_and_no_name(tmp_path, monkeypatch):
    checkpoint.save(tmp_path / "10", {"x": jnp.int32(1)})

    def crash(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write_text", crash)
    for step in ("10", "20"):
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(tmp_path / step, {"x": jnp.int32(2)})
    assert checkpoint.steps(tmp_path) == (10,)
    assert int(checkpoint.restore(tmp_path / "10", {"x": jnp.int32(0)})[0]["x"]) == 1


def test_what_a_killed_save_leaves_is_tidied_up(tmp_path):
    checkpoint.save(tmp_path / "10", {"x": jnp.int32(1)})
    (tmp_path / ".20.partial" / "state").mkdir(parents=True)
    (tmp_path / ".5.gone").mkdir()
    os.rename(tmp_path / "10", tmp_path / ".10.old")  # killed between the two renames of a replacement
    assert checkpoint.steps(tmp_path) == ()
    checkpoint.tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["10"]
    checkpoint.verify(tmp_path / "10")
    checkpoint.tidy(tmp_path / "nowhere")
    for step in (20, 30):  # killed before the oldest one was removed
        checkpoint.save(tmp_path / str(step), {"x": jnp.int32(step)}, keep=3)
    checkpoint.tidy(tmp_path, keep=2)
    assert checkpoint.steps(tmp_path) == (20, 30)


@contextlib.contextmanager
def largest_file(size):
    """No file may become larger: writing more fails, in orbax as well."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 1000, 5000])
def test_a_disk_that_refuses_is_one_line_and_the_last_checkpoint_stays(tmp_path, size, capfd):
    tree = {f"w{i}": np.random.default_rng(i).random((20, 20)) for i in range(20)}
    checkpoint.save(tmp_path / "10", tree)
    with largest_file(size), pytest.raises(SocialRLError) as error:
        checkpoint.save(tmp_path / "20", tree)
    assert str(error.value).startswith(f"{tmp_path / '20'}: cannot write this ")
    assert "File too large" in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["10"]
    checkpoint.verify(tmp_path / "10")


def test_a_folder_that_is_written_into_while_it_is_removed_is_removed_again(tmp_path, monkeypatch):
    """A thread of orbax may do so for a moment after its save has failed."""
    remove = shutil.rmtree

    def disturbed(folder, ignore_errors):
        remove(folder, ignore_errors=ignore_errors)
        if folder.name == ".10.partial" and len(removed) < 3:
            folder.mkdir()
        removed.append(folder.name)

    def fail(folder, arrays):
        removed.clear()
        raise OSError(errno.ENOSPC, "No space left on device")

    removed = []
    monkeypatch.setattr(shutil, "rmtree", disturbed)
    monkeypatch.setattr(checkpoint, "_write_state", fail)
    with pytest.raises(SocialRLError, match="No space left"):
        checkpoint.save(tmp_path / "10", {"x": jnp.int32(1)})
    assert list(tmp_path.iterdir()) == []
    assert removed == [".10.partial"] * 4


def test_all_of_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    flushed, named = [], tmp_path / "ck" / "10"

    def fsync(file):
        flushed.append(os.readlink(f"/proc/self/fd/{file}"))
        assert not named.exists() or flushed[-1] == str(named.parent)

    monkeypatch.setattr(os, "fsync", fsync)
    checkpoint.save(named, {"w": jnp.ones(3)})
    partial = named.with_name(".10.partial")
    inside = {str(partial / path.relative_to(named)) for path in (named, *named.rglob("*"))}
    assert inside <= set(flushed)
    assert flushed[-1] == str(named.parent)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"w": jnp.ones((3, 2)), "key": jax.random.key(0)}, "['w'] is float32[2,2] there, float32[3,2] here"),
        (
            {"w": jnp.ones((2, 2), jnp.int32), "key": jax.random.key(0)},
            "['w'] is float32[2,2] there, int32[2,2] here",
        ),
        (
            {"w": jnp.ones((2, 2)), "key": jax.random.key(0, impl="rbg")},
            "['key'] is key<fry>[2] there, key<rbg>[4] here",
        ),
        ({"key": jax.random.key(0)}, "['w'] is float32[2,2] there, missing here"),
        ({"v": 1, "w": jnp.ones((2, 2)), "key": jax.random.key(0)}, "['v'] is missing there"),
    ],
)
def test_another_state_is_refused_by_leaf(tmp_path, template, message):
    path = checkpoint.save(tmp_path / "10", {"w": jnp.ones((2, 2)), "key": jax.random.key(0)})
    with pytest.raises(SocialRLError) as error:
        checkpoint.restore(path, template)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def damage(path, name):
    files = [file for file in (path / "state").rglob("*") if file.is_file()]
    if name == "state gone":
        shutil.rmtree(path / "state")
    elif name == "state empty":
        for file in files:
            file.write_bytes(b"")
    elif name == "state halved":
        for file in files:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif name == "manifest halved":
        text = (path / "manifest.json").read_text()
        (path / "manifest.json").write_text(text[: len(text) // 2])


@pytest.mark.parametrize("name", ["state gone", "state empty", "state halved", "manifest halved"])
def test_a_truncated_checkpoint_is_refused_and_kept(tmp_path, name):
    tree = {"w": jax.random.normal(jax.random.key(0), (50, 50))}
    path = checkpoint.save(tmp_path / "10", tree)
    damage(path, name)
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(SocialRLError) as error:
        checkpoint.restore(path, tree)
    assert f"{path}: damaged checkpoint" in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(p for p in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("key", "value"), [("leaves", {"['w']": {}}), ("leaves", [1]), ("metadata", 3), ("files", "none")]
)
def test_a_manifest_of_something_else_is_refused(tmp_path, key, value):
    path = checkpoint.save(tmp_path / "10", {"w": jnp.ones(2)})
    manifest = json.loads((path / "manifest.json").read_text()) | {key: value}
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SocialRLError, match=rf"damaged checkpoint: manifest\.json: {key} is not"):
        checkpoint.restore(path, {"w": jnp.ones(2)})


def test_other_arrays_under_this_manifest_are_noticed(tmp_path):
    one, two = (checkpoint.save(tmp_path / str(i), {"w": jnp.full(4, i, jnp.float32)}) for i in (1, 2))
    shutil.rmtree(one / "state")
    shutil.copytree(two / "state", one / "state")
    with pytest.raises(SocialRLError, match="its files are not those that were saved"):
        checkpoint.restore(one, {"w": jnp.zeros(4)})


def test_foreign_and_absent_folders_are_refused(tmp_path):
    tree = {"w": jnp.zeros(2)}
    with pytest.raises(SocialRLError, match=r"7: no such checkpoint"):
        checkpoint.restore(tmp_path / "7", tree)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "mine.txt").write_text("precious")
    for attempt in (
        lambda: checkpoint.restore(tmp_path / "7", tree),
        lambda: checkpoint.save(tmp_path / "7", tree),
    ):
        with pytest.raises(SocialRLError, match="not a checkpoint of socialrl"):
            attempt()
    (tmp_path / "7" / "manifest.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(SocialRLError, match="not a checkpoint of socialrl"):
        checkpoint.restore(tmp_path / "7", tree)
    assert (tmp_path / "7" / "mine.txt").read_text() == "precious"
    with pytest.raises(SocialRLError, match="named by its step"):
        checkpoint.save(tmp_path / "last", tree)
