"""Entrants of the benchmark: exported agents, runs, and learners, which are trained in the suite's worlds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from socialrl.agents import Agent, load_policy, load_trained, parse_address
from socialrl.assemble import assemble
from socialrl.benchmark.suite import SEEDS, STEPS, TRAINING, VERSION, WORLDS, root
from socialrl.config import Arm, Experiment, load_experiment, to_json
from socialrl.curricula import mixed
from socialrl.devices import kind_and_number
from socialrl.protocols import Study
from socialrl.record import folder
from socialrl.registry import LEARNER
from socialrl.runs import run as train
from socialrl.seeds import Seeds
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entrant:
    """Who enters, and a study of it per world, by the world's name.

    kind: "agent" if it was trained elsewhere, "learner" if it was trained for this. steps: of training, the
    most of any world.
    """

    name: str
    kind: str
    learner: str
    steps: int
    studies: dict[str, Study]


def experiment(learner: Any, worlds: Sequence[str], steps: int = STEPS, seeds: int = SEEDS) -> Experiment:
    """The experiment in which a learner is trained: an arm per world, named after it; the co-players are the
    world's own, and present in some episodes, parts of some, and absent in others.
    """
    long = steps >= 100_000
    return Experiment(
        name="benchmark",
        question="Is it never worse than alone?",
        world=WORLDS[worlds[0]],
        arms=tuple(Arm(name=world, learner=learner, world=WORLDS[world]) for world in worlds),
        seeds=seeds,
        steps=steps,
        num_envs=64 if long else 16,
        unroll_length=20 if long else 10,
        chunk=10,
        evaluate_every=max(steps // 10, 1),
        checkpoint_every=max(steps // 2, 1),
        curriculum=mixed.Config(presence=TRAINING),
    )


def enter(
    given: Sequence[str],
    out: Path,
    *,
    worlds: Sequence[str] = (),
    steps: int = STEPS,
    seeds: int = SEEDS,
    salt: str,
) -> Entrant:
    """The Entrant that is meant by one learner's name, by a run, or by agents.

    given: a learner; or a run whose arms have the names of worlds; or exported files and RUN:ARM:SEED, each
    of which enters the world in which it learnt, by its name. out: the folder; a learner is trained in its
    subfolder `run`, and one that is there is gone on with. worlds: some of the suite's; all if empty.

    Raises SocialRLError for what does not exist or does not fit.
    """
    wanted = list(worlds) or list(WORLDS)
    if len(given) == 1 and given[0] in LEARNER.names():
        return _trained(given[0], out / "run", wanted, steps, seeds, salt)
    if len(given) == 1 and (Path(given[0]) / "config.json").is_file():
        return _of_run(Path(given[0]), Path(given[0]).name, "agent", wanted, salt)
    agents = [load_policy(one) if Path(one).is_file() else _from_run(one) for one in given]
    studies: dict[str, Study] = {}
    for agent in agents:
        name = agent.spec.name
        if name in studies:
            raise SocialRLError(f"two agents for the world {name}", "enter one agent per world")
        if name in wanted:
            studies[name] = _acting(agent, name, salt)
    if not studies:
        raise SocialRLError(f"no agent for {', '.join(wanted)}", "they learnt in other worlds")
    title = " + ".join(Path(one).stem for one in given)
    learners = " + ".join(dict.fromkeys(agent.facts.learner["name"] for agent in agents))
    most = max(agent.facts.step for agent in agents)
    return Entrant(name=title, kind="agent", learner=learners, steps=most, studies=studies)


def _from_run(address: str) -> Agent:
    return load_trained(*parse_address(address))


def _trained(name: str, path: Path, worlds: list[str], steps: int, seeds: int, salt: str) -> Entrant:
    """A learner with its default settings, trained in the worlds, or read where it was trained before."""
    made = experiment(LEARNER.config(name)(), worlds, steps, seeds)
    for arm in made.arms:
        assemble(made, arm)
    if (path / "config.json").is_file():
        opened = folder.resume(path, to_json(made))
    else:
        device, command = kind_and_number(jax.devices()), f"socialrl benchmark {name}"
        opened = folder.create(to_json(made), out=path, device=device, command=command)
    resume = (path / "metrics.jsonl").is_file()
    with opened:
        train(made, opened, resume=resume)
    return _of_run(path, name, "learner", worlds, salt)


def _of_run(path: Path, name: str, kind: str, worlds: list[str], salt: str) -> Entrant:
    """The arms of a run that are named after worlds; raises SocialRLError if there is none."""
    config = load_experiment(path)
    arms = [arm for arm in config.arms if arm.name in worlds]
    if not arms:
        raise SocialRLError(
            f"{path}: no arm is named after a world of the suite", f"its arms are to be {', '.join(worlds)}"
        )
    studies, most = {}, 0
    for arm in arms:
        made = assemble(config, arm)
        states, step = made.restored(path, folder.RunFolder(path, {}).checkpoints(arm.name))
        study, most = made.study(states), max(most, step)
        _check_fits(study.world, arm.name, str(path))
        studies[arm.name] = _salted(study, WORLDS[arm.name].build(), salt)
    learner = " + ".join(dict.fromkeys(LEARNER.name_of(arm.learner) for arm in arms))
    return Entrant(name=name, kind=kind, learner=learner, steps=most, studies=studies)


def _acting(agent: Agent, name: str, salt: str) -> Study:
    """The study of an agent in the suite's world of this name."""
    world = WORLDS[name].build()
    agent.check_fits(world.spec)
    seeds = Seeds(1)
    alone = Experiment(
        name="benchmark",
        question="Is it never worse than alone?",
        world=WORLDS[name],
        arms=(Arm(name=agent.facts.arm, learner=agent.config),),
        seeds=1,
        num_envs=agent.facts.num_envs,
        unroll_length=agent.facts.unroll_length,
    )
    study = Study(
        experiment=alone,
        world=world,
        learner=agent.acting.as_learner(),
        seeds=seeds,
        states=seeds.bundle([agent.leaves]),
        roots=seeds.bundle([root(salt, name)]),
    )
    return _salted(study, world, salt)


def _salted(study: Study, world: World, salt: str) -> Study:
    """The study in the suite's world, with keys that follow from the salt: of each seed another one."""
    keys = [jax.random.fold_in(root(salt, world.spec.name), seed) for seed in range(study.seeds.count)]
    return dataclasses.replace(study, world=world, roots=study.seeds.bundle(keys))


def _check_fits(world: World, name: str, where: str) -> None:
    """Raises SocialRLError unless views and actions are those of the suite's world."""
    suite = WORLDS[name].build().spec
    for fact, own, wanted in (
        ("obs_shape", world.spec.obs_shape, suite.obs_shape),
        ("actions", world.spec.actions, suite.actions),
    ):
        if own != wanted:
            raise SocialRLError(
                f"{where}, arm {name}: {fact} {own}, the suite (version {VERSION}) has {wanted}",
                "train it in the suite's world",
            )
