"""Several devices, and several processes: the numbers of one device, whatever shares the work."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from socialrl import devices, programs
from socialrl.devices import Devices, choose, kind_and_number, one_device, spread
from socialrl_envs.errors import SocialRLError

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of the runs of `several_devices`, in a process with four devices, and what it found."""
    path = tmp_path_factory.mktemp("devices")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    settings = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": f"{ROOT}:{ROOT / 'envs'}"}
    settings |= {"JAX_ENABLE_COMPILATION_CACHE": "true", programs.VARIABLE: str(path / "programs")}
    command = [sys.executable, "-m", "tests.several_devices", str(path), f"127.0.0.1:{port}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    return path, json.loads(done.stdout.splitlines()[-1])


def same_runs(one, other):
    """Whether records, replays and the states of the last checkpoint are equal, bit for bit."""
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    for name in sorted(path.name for path in (one / "replays").iterdir()):
        assert (one / "replays" / name).read_bytes() == (other / "replays" / name).read_bytes(), name
    leaves = [
        json.loads((path / "checkpoints/dqn/64/manifest.json").read_text())["leaves"] for path in (one, other)
    ]
    assert leaves[0] == leaves[1]


def test_a_gpu_is_named_by_its_model():
    gpu = SimpleNamespace(platform="gpu", device_kind="NVIDIA H200")
    assert kind_and_number([gpu, gpu]) == "gpu x2 (NVIDIA H200)"


def test_a_cpu_is_named_with_the_cores_that_may_be_used(monkeypatch):
    """As another number of cores gives other last digits."""
    [cpu] = jax.devices("cpu")[:1]
    for cores, words in ((1, "1 core"), (3, "3 cores")):
        monkeypatch.setattr(devices, "usable_cores", lambda cores=cores: cores)
        assert kind_and_number([cpu]) == f"cpu x1 ({words})"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes have no affinity here")
def test_cores_are_those_of_the_affinity():
    command = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    command += "from socialrl.cores import usable_cores; print(usable_cores())"
    assert subprocess.check_output([sys.executable, "-c", command], text=True) == "1\n"


def test_seeds_on_four_devices_are_those_of_one_bit_for_bit(base):
    """And a checkpoint of one device is taken up by four."""
    same_runs(base[0] / "whole", base[0] / "taken_up")


def test_worlds_on_four_devices_give_the_gradients_of_one(base):
    """In float32, after two updates; sums over worlds are taken in another order."""
    found = base[1]["split"]
    assert found["shared"] > 0
    assert max(found["apart"].values()) < 1e-5, found["apart"]


def test_two_processes_share_a_run_and_one_writes_it(base):
    pair = base[1]["pair"]
    assert [found["seeds"] for found in pair] == [[0, 1], [2, 3, 4]]
    assert pair[0]["path"] == pair[1]["path"] == str(base[0] / "processes")
    same_runs(base[0] / "whole", base[0] / "processes")


def test_what_one_process_finds_all_know(base):
    for found in base[1]["pair"]:
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
