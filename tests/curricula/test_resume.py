"""Runs under an adversary and under a buffer of levels: stopped within an arm and resumed, they write what an
undisturbed run writes.
"""

import json

import pytest

import socialrl.runs
from socialrl.config import Arm, Experiment, to_json
from socialrl.curricula import accel, paired
from socialrl.learners import ppo
from socialrl.record import checkpoint, folder
from socialrl_envs.worlds import goal_search

pytestmark = pytest.mark.usefixtures("kept_programs")
LEARNER = ppo.Config(hidden=(4,), memory="none", minibatches=1, epochs=1)
CURRICULA = {
    "paired": paired.Config(hidden=(4,), noise=1, walls=2, minibatches=1, epochs=1),
    "accel": accel.Config(capacity=4, fill=0.5, mutated=0.25, edits=1),
}
TINY = Experiment(
    name="tiny",
    question="Is it resumed exactly?",
    world=goal_search.Config(
        experts=0, size=5, layout="cluttered", horizon=4, view=3, again=False, shown_to="all"
    ),
    arms=tuple(Arm(name=name, learner=LEARNER, curriculum=one) for name, one in CURRICULA.items()),
    seeds=1,
    steps=48,
    num_envs=4,
    unroll_length=4,
    chunk=1,
    evaluate_every=48,
    evaluation_episodes=1,
    final_episodes=1,
    replay_episodes=1,
    checkpoint_every=48,
    keep_checkpoints=1,
)
CHUNKS = 3  # of 16 steps, in each arm


def trained(path, stops):
    """The folder of a run that was stopped after each of so many chunks since it last began, and went on."""
    with folder.create(to_json(TINY), out=path) as opened:
        for after in (*stops, None):
            asked = []

            def stop(after=after, asked=asked):
                asked.append(True)
                return len(asked) == after

            try:
                socialrl.runs.train(TINY, opened, resume=True, progress=False, interrupted=stop)
            except KeyboardInterrupt:
                assert after is not None
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an undisturbed run."""
    return trained(tmp_path_factory.mktemp("whole") / "run", ())


def test_stopped_and_resumed_is_undisturbed_bit_for_bit(whole, tmp_path):
    stops = (1, CHUNKS - 1 + 2)  # after a chunk of the first arm, and after two of the other
    resumed = trained(tmp_path / "run", stops)
    assert (resumed / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    for arm in CURRICULA:
        last = [checkpoint.latest(run / "checkpoints" / arm) for run in (whole, resumed)]
        ours, theirs = (json.loads((one / "manifest.json").read_text())["leaves"] for one in last)
        assert ours == theirs
        levels = [run / "levels" / arm / "seed_0" / "step_48.txt" for run in (whole, resumed)]
        assert levels[0].read_bytes() == levels[1].read_bytes()
