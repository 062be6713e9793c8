"""Several devices, and several processes: the numbers of one device, whatever shares the work."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from socialrl import programs
from socialrl.devices import Devices, choose, one_device, spread
from socialrl_envs.errors import SocialRLError

ROOT = Path(__file__).parent.parent


def started(stages, base, *more):
    """A process of `several_devices`, with four devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    settings = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": f"{ROOT}:{ROOT / 'envs'}"}
    settings |= {"JAX_ENABLE_COMPILATION_CACHE": "true", programs.VARIABLE: str(base / "programs")}
    command = [sys.executable, "-m", "tests.several_devices", stages, str(base), *more]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def facts(*processes):
    """What each of them printed last, as JSON."""
    said = [process.communicate(timeout=600) for process in processes]
    for process, (_, err) in zip(processes, said, strict=True):
        assert process.returncode == 0, err[-3000:]
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of a run on one device, of one on four, and what a split of worlds came to."""
    path = tmp_path_factory.mktemp("devices")
    (found,) = facts(started("whole,devices,worlds", path))
    return path, found


@pytest.fixture(scope="module")
def pair(base):
    """What two processes found that shared the run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return facts(
        *(started("process", base[0], f"127.0.0.1:{port},2,{number}") for number in range(2)),
    )


def same_runs(one, other):
    """Whether records, replays and the states of the last checkpoint are equal, bit for bit."""
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    for name in sorted(path.name for path in (one / "replays").iterdir()):
        assert (one / "replays" / name).read_bytes() == (other / "replays" / name).read_bytes(), name
    leaves = [
        json.loads((path / "checkpoints/dqn/64/manifest.json").read_text())["leaves"] for path in (one, other)
    ]
    assert leaves[0] == leaves[1]


def test_seeds_on_four_devices_are_those_of_one_bit_for_bit(base):
    """And a checkpoint of one device is taken up by four."""
    same_runs(base[0] / "whole", base[0] / "devices")


def test_worlds_on_four_devices_give_the_gradients_of_one(base):
    """In float32, after two updates; sums over worlds are taken in another order."""
    assert base[1]["shared"] > 0
    assert max(base[1]["apart"].values()) < 1e-5, base[1]["apart"]


def test_two_processes_share_a_run_and_one_writes_it(base, pair):
    assert [found["seeds"] for found in pair] == [[0, 1], [2, 3, 4]]
    assert pair[0]["path"] == pair[1]["path"] == str(base[0] / "processes")
    same_runs(base[0] / "whole", base[0] / "processes")


def test_what_one_process_finds_all_know(pair):
    for found in pair:
        assert found["sum"] == [12.0]  # of four worlds, two in each process
        assert found["anywhere"] == [True, False]
        assert "holds a run already" in found["refused"]


def fake(processes, process, split="seeds"):
    device = jax.devices()[0]
    return Devices(
        local=(device,), all=(device,) * processes, split=split, process=process, processes=processes
    )


@pytest.mark.parametrize(("seeds", "processes"), [(5, 1), (5, 2), (7, 3), (4, 4)])
def test_every_seed_has_one_process(seeds, processes):
    shares = [list(fake(processes, number).share(seeds)) for number in range(processes)]
    assert [seed for share in shares for seed in share] == list(range(seeds))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert list(fake(processes, 0, "worlds").share(seeds)) == list(range(seeds))


def test_the_default_is_the_devices_that_get_a_seed():
    assert choose(5, 8) == one_device()
    assert one_device().text() == ""
    assert fake(2, 0).text() == "seeds over 2 devices of 2 processes"


def test_what_cannot_be_laid_out_is_refused_in_one_line(monkeypatch):
    with pytest.raises(SocialRLError, match=r"--devices 3: there is 1 \(cpu\) \(on a CPU, JAX_NUM_CPU"):
        choose(5, 8, count=3)
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(SocialRLError, match="3 processes share 2 seeds"):
        choose(2, 8)
    with pytest.raises(SocialRLError, match=r"8 worlds cannot be spread evenly over 3 .* e.g. 9"):
        choose(2, 8, split="worlds")


def test_without_a_split_of_worlds_nothing_is_laid_out():
    tree = {"x": np.ones(3)}
    assert spread(tree) is tree
