"""The public API: run an experiment, open what it recorded, and use the agents that it trained.

`import socialrl` offers these names; see `socialrl.__all__`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from socialrl import evaluation
from socialrl.agents import Agent, Storage, load_policy, load_trained, parse_address
from socialrl.assemble import assemble
from socialrl.coerce import construct
from socialrl.config import Arm, Experiment, from_json, load_experiment, to_json
from socialrl.devices import Split, choose, kind_and_number
from socialrl.explaining import explain
from socialrl.formats.loggers import check_loggers
from socialrl.protocols import EvaluationProtocol, Study
from socialrl.protocols._worlds import WorldConfig
from socialrl.record import folder
from socialrl.record.explanation import Explanation
from socialrl.registry import WORLD
from socialrl.results import Run, text
from socialrl.rollout import make_rollout
from socialrl.runs import run as train
from socialrl.seeds import Seeds
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import require
from socialrl_envs.types import World

__all__ = [
    "Agent",
    "Explanation",
    "Run",
    "evaluate",
    "explain",
    "export",
    "load_agent",
    "open_run",
    "run",
]

EPISODES = 64  # of an evaluation without a protocol


def run(
    experiment: Experiment | str | Path,
    out: str | Path | None = None,
    *,
    first_seed: int | None = None,
    resume: bool = False,
    progress: bool = True,
    log: Sequence[str] = (),
    devices: int | None = None,
    split: Split = "seeds",
) -> Run:
    """Trains every arm of an experiment, records it in a run folder, and returns the Run.

    experiment: an Experiment, its file, or a run folder with its config. out: the run folder; None takes the
    next number in runs/<experiment>, or with `resume` the latest. first_seed: the number of the first seed;
    None takes the experiment's. resume: go on with a run that was interrupted; what comes out is bit-equal to
    an uninterrupted one. progress: whether to show bars, in a terminal or a notebook, and print the results.
    log: where else the metrics go while it trains, "tensorboard" or "wandb". devices: how many share the
    work; None takes as many as are of use. split: what they share, "seeds", or the "worlds" of every seed.

        run = socialrl.run("experiments/coin_grid.py", out="runs/mine", first_seed=1000)

    Raises SocialRLError for an experiment that cannot be built, before the folder is made, and for a folder
    that holds something else or is in use. Ctrl-C saves a checkpoint after the current chunk and raises
    KeyboardInterrupt.
    """
    check_loggers(log)
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    if first_seed is not None:
        experiment = dataclasses.replace(experiment, first_seed=first_seed)
    experiment = from_json(to_json(experiment))
    for arm in experiment.arms:
        assemble(experiment, arm)
    chosen = choose(experiment.seeds, experiment.num_envs, count=devices, split=split)
    if resume:
        opened = folder.resume(out or folder.latest("runs", experiment.name), to_json(experiment))
    else:
        device = kind_and_number(jax.devices())
        opened = folder.create(to_json(experiment), out=out, device=device, command="socialrl.run(...)")
    with opened:
        train(experiment, opened, resume=resume, progress=progress, log=log, devices=chosen)
    return Run(opened.path)


def open_run(path: str | Path) -> Run:
    """The run in a folder, open for reading. Raises SocialRLError if there is none.

    run = socialrl.open_run("runs/coin_grid/001")
    """
    return Run(path)


def load_agent(
    source: Run | str | Path,
    arm: str | None = None,
    seed: int = 0,
    *,
    greedy: bool = True,
    novice: int = 0,
    generation: int | None = None,
) -> Agent:
    """A trained agent, from the last checkpoint of a run or from an exported file.

    source: a Run, a run folder, or a file that `socialrl.export` wrote; `arm` and `seed` are of a run. arm:
    None takes the only one. seed: counted from 0, whatever the run's first seed. greedy: act as in
    evaluations; False draws actions as while training. novice: whose place it takes where a world has several
    novices. generation: of an arm with generations, counted from 1; None takes the last one.

        agent = socialrl.load_agent("runs/coin_grid/001", arm="psiphi", seed=0)
        agent = socialrl.load_agent("agent.npz")

    Raises SocialRLError for what does not exist, and for a file that is damaged, of another version, or of a
    learner that is not known.
    """
    if isinstance(source, Run):
        source = source.path
    if Path(source).is_dir():
        return load_trained(source, arm, seed, greedy=greedy, novice=novice, generation=generation)
    if arm is not None or seed or novice or generation is not None:
        raise SocialRLError(
            f"{source}: not a run folder", "arm, seed, novice and generation are of an agent in a run"
        )
    return load_policy(source, greedy=greedy)


def export(
    source: Run | Agent | str | Path,
    path: str | Path,
    *,
    arm: str | None = None,
    seed: int = 0,
    novice: int = 0,
    dtype: Storage = "float32",
) -> Path:
    """Writes a trained agent into one file without pickle, and returns the path of the file.

    source: an Agent; or a Run or run folder, or "RUN:ARM:SEED" in one text. arm, seed, novice: as in
    `load_agent`. dtype: how floating-point parameters are stored; "float16" halves the file, see
    `Agent.save`.

        socialrl.export("runs/coin_grid/001", "agent.npz", arm="psiphi", seed=0)

    Raises SocialRLError for what does not exist, or if the file cannot be written.
    """
    if isinstance(source, str) and not Path(source).exists():
        source, named, seed_named = parse_address(source)
        arm, seed = arm if named is None else named, seed_named or seed
    agent = source if isinstance(source, Agent) else _of_run(source, arm, seed, novice)
    agent.save(path, dtype)
    return Path(path)


def evaluate(
    agent: Agent,
    world: str | WorldConfig | World,
    protocol: EvaluationProtocol | None = None,
    *,
    episodes: int | None = None,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Measures by condition of one agent in one world: {condition: {measure: mean over episodes}}.

    world: its name, its Config, or a world that was built; the agent takes all novices' seats. protocol: a
    protocol's Config, whose conditions are named "label=value, ..."; None evaluates episodes on held-out
    levels as one condition, "greedy", or "sampled" for an agent that is not greedy. episodes: how many; None
    takes the protocol's own number, or 64. seed: draws the levels; equal seeds give equal levels.

        socialrl.evaluate(agent, "coin_grid")["greedy"]["return"]
        socialrl.evaluate(agent, coin_grid.Config(size=9), social.Config(), episodes=16)

    A loaded agent does not learn: a protocol that trains it further raises SocialRLError, as does a world
    that it does not fit.
    """
    built = _built(world)
    agent.check_fits(built.spec)
    if not built.spec.novices:
        raise SocialRLError(f"{built.spec.name}: it has no novice", "the agent acts in novices' seats")
    require(episodes is None or episodes >= 1, "episodes", episodes, "at least 1")
    learner, key = agent.acting.as_learner(), jax.random.key(seed)
    if protocol is None:
        rollout, explore = make_rollout(built, learner), not agent.greedy
        score = evaluation.evaluator(rollout, built.spec, episodes or EPISODES, explore=explore)
        return {"sampled" if explore else "greedy": _floats(jax.jit(score)(agent.leaves, key)[0])}
    if episodes is not None:
        config, given = protocol, episodes
        protocol = construct(lambda: dataclasses.replace(config, episodes=given), "episodes", whole=False)
    alone = Experiment(
        name="evaluation",
        question="How well does the agent do?",
        world=built.config,
        arms=(Arm(name=agent.facts.arm, learner=agent.config),),
        seeds=1,
        num_envs=agent.facts.num_envs,
        unroll_length=agent.facts.unroll_length,
    )
    seeds = Seeds(1)
    study = Study(
        experiment=alone,
        world=built,
        learner=learner,
        seeds=seeds,
        states=seeds.bundle([agent.leaves]),
        roots=seeds.bundle([key]),
    )
    return {
        ", ".join(f"{name}={text(value)}" for name, value in labels.to_json().items()): _floats(
            seeds.unbundle(values)[0]
        )
        for labels, values in protocol.run(study)
    }


def _of_run(source: Run | str | Path, arm: str | None, seed: int, novice: int) -> Agent:
    return load_trained(source.path if isinstance(source, Run) else source, arm, seed, novice=novice)


def _built(world: str | WorldConfig | World) -> World:
    """The world by its name, Config, or itself."""
    if isinstance(world, str):
        return construct(WORLD.config(world)().build, "world")
    return world if isinstance(world, World) else construct(world.build, "world")


def _floats(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(values.items())}
