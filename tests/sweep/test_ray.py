"""A sweep on a real Ray cluster of two machines on loopback: a worker and a machine are killed in the middle,
and the run is that of one undisturbed process.
"""

import os
import signal
import socket
import threading
import time

import pytest

import socialrl.runs
from socialrl.cli import main
from socialrl.config import load_experiment, to_json
from socialrl.overrides import apply
from socialrl.record import folder
from socialrl.sweep import cluster as workers
from socialrl.sweep.plan import Plan, experiment_of
from socialrl.sweep.progress import progress
from socialrl_envs.errors import SocialRLError
from tests.sweep.small import FAST, trained, written

pytest.importorskip("ray")
workers.need_ray()
pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own making
ARM = ["--arms", "one"]
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
DEATH = {"health_check_period_ms": 1000, "health_check_failure_threshold": 5}


def machine():
    """What a machine of one core is started with; with ports that are given, it does not wait for its agents,
    which are slow to start.
    """
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = {name: taken_one.getsockname()[1] for name, taken_one in zip(PORTS, taken, strict=True)}
    for taken_one in taken:
        taken_one.close()
    return {"num_cpus": 1, "object_store_memory": 80_000_000, **ports}


@pytest.fixture
def machines(tmp_path, monkeypatch):
    """(cluster, second machine): two machines of one core each, with what the tests' workers are set to."""
    from ray.cluster_utils import Cluster

    for name, value in (FAST | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "programs")}).items():
        monkeypatch.setenv(name, value)
    cluster = Cluster(
        initialize_head=True, head_node_args=machine() | {"include_dashboard": False, "_system_config": DEATH}
    )
    yield cluster, cluster.add_node(**machine())
    cluster.shutdown()


def test_a_worker_and_a_machine_die_and_nothing_is_lost(tmp_path, machines, capsys):
    cluster, second = machines
    file, run = written(tmp_path, steps=4000), tmp_path / "run"
    experiment = apply(load_experiment(file), ARM)
    tasks = [(task.place(run), experiment_of(experiment, task)) for task in Plan(block=1).tasks(experiment)]

    def kill():
        """Kills a worker and the other one's machine, once both tasks have a checkpoint."""
        states = []
        while len(states) < 2 or not all(state.saved for state in states):
            time.sleep(0.05)
            states = [progress(place, own) for place, own in tasks]
        on_second = [second.node_id.startswith(state.where.removeprefix("node ")) for state in states]
        assert sorted(on_second) == [False, True]
        assert not any(state.done for state in states)
        os.kill(states[on_second.index(False)].pid, signal.SIGKILL)
        cluster.remove_node(second, allow_graceful=False)
        killed.append(states)

    killed = []
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    words = ["sweep", str(file), *ARM, "--block", "1", "--out", str(run), "--ray", cluster.address]
    assert main(words) == 0
    killer.join()
    assert killed
    said = capsys.readouterr().out
    assert said.count("goes on from step") == 2
    assert said.count(", attempt 2") == 2
    with folder.create(to_json(experiment), out=tmp_path / "alone") as alone:
        socialrl.runs.run(experiment, alone, progress=False)
    assert trained(run) == trained(tmp_path / "alone")
    assert {path.name for path in run.iterdir()} == {path.name for path in alone.path.iterdir()}


@pytest.mark.parametrize(("address", "tries"), [("local", 2), ("127.0.0.1:1", 1)])
def test_a_cluster_that_does_not_start_is_told_in_one_line(address, tries, monkeypatch):
    """One on this machine is started twice, as Ray gives it half a minute, which a busy machine may need."""
    calls = []

    def init(*arguments, **options):
        calls.append(arguments)
        raise Exception("The current node timed out\n during startup.")  # as Ray raises it

    import ray

    monkeypatch.setattr(ray, "init", init)
    with (
        pytest.raises(SocialRLError, match=f"--ray {address}: no cluster answers .*timed out during startup"),
        workers.connected(address),
    ):
        pass
    assert calls == [(address,)] * tries
