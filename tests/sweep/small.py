"""The smallest experiment that a sweep can train, as files of a user: two arms that learn nothing."""

import json
from pathlib import Path

LEARNER = """
import dataclasses

import jax.numpy as jnp

from socialrl.passive import passive_learner
from socialrl_envs.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    lr: float = option(1e-3, "what its loss is")

    def build(self, spec):
        loss = {"loss/none": jnp.float32(self.lr)}
        return dataclasses.replace(passive_learner(spec), update=lambda state, seen, key: (state, loss))
"""
EXPERIMENT = """
import still
from socialrl.config import Arm, Claim, Experiment
from socialrl_envs.worlds import coin_grid

experiment = Experiment(
    name="small",
    question="?",
    world=coin_grid.Config(size=5, colours=2, coins=1, horizon=4, experts=0),
    arms=(Arm(name="one", learner=still.Config()), Arm(name="other", learner=still.Config())),
    first_seed=1000,
    seeds=2,
    steps=STEPS,
    num_envs=2,
    unroll_length=4,
    chunk=1,
    evaluate_every=800,
    evaluation_episodes=2,
    final_episodes=2,
    replay_episodes=1,
    checkpoint_every=80,
    claims=(Claim(text="t", source="aim", arm="one", over="other"),),
)
"""
FAST = {  # of workers, as the tests themselves are set: compiles quickly
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
}


def written(folder: Path, steps: int) -> Path:
    """The file of the experiment in a folder, with the learner beside it."""
    (folder / "still.py").write_text(LEARNER)
    (folder / "small.py").write_text(EXPERIMENT.replace("STEPS", str(steps)))
    return folder / "small.py"


def trained(run: Path) -> dict[str, object]:
    """What a run trained: its records, its replays, and the checksums of all leaves of its checkpoints."""
    files = [run / "metrics.jsonl", *sorted((run / "replays").iterdir())]
    manifests = sorted(run.glob("checkpoints/*/*/manifest.json"))
    found: dict[str, object] = {str(file.relative_to(run)): file.read_bytes() for file in files}
    return found | {str(f.relative_to(run)): json.loads(f.read_text())["leaves"] for f in manifests}
