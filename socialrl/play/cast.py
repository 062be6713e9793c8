"""Who acts in which seat of a world: scripted co-players, and in novices' seats a trained agent or nobody."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from jax import Array

from socialrl.agents import check_seed, find_arm, load_policy, parse_address
from socialrl.assemble import assemble
from socialrl.coerce import construct
from socialrl.config import load_experiment, world_to_json
from socialrl.overrides import apply_to_world
from socialrl.passive import passive_learner
from socialrl.record import folder
from socialrl.registry import WORLD
from socialrl.studies import restored
from socialrl.types import Learner
from socialrl_envs.configs import read_level
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import World, WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cast:
    """A world and who acts in it.

    config: the world's Config. learner, learner_state: who acts in the novices' seats. agent: its name, e.g.
    "psiphi, seed 0, step 12000 of coin_grid"; None if nobody acts there, and these seats are absent. step:
    environment steps that it was trained for. companies: policies that may stand in for the co-players' own
    for an episode.
    """

    world: World
    config: Any
    learner: Learner
    learner_state: Any
    agent: str | None = None
    step: int = 0
    companies: tuple[str, ...] = ()

    @property
    def spec(self) -> WorldSpec:
        return self.world.spec

    @property
    def world_json(self) -> dict[str, Any]:
        """The world's name and options, as files hold them."""
        return world_to_json(self.config)

    def actor(self, seat: int) -> str | None:
        """The name of what acts in a seat, None if it is absent."""
        policy = self.spec.seats[seat].policy
        return self.agent if policy == "learner" else policy

    def overrides(self, *people: int) -> dict[str, Array]:
        """Overrides of every level: novices for whom nobody acts are absent, people are always present.

        people: their seats.
        """
        presence = jnp.asarray(self.world.params.presence)
        away = () if self.agent else self.spec.novices
        for seat in away:
            presence = presence.at[seat].set(jnp.array(SCHEDULES["never"], jnp.float32))
        for seat in people:
            presence = presence.at[seat].set(jnp.array(SCHEDULES["always"], jnp.float32))
        return {"presence": presence}


def cast(
    world: str | None, agent: str | None = None, settings: Sequence[str] = (), level: Path | None = None
) -> Cast:
    """The cast of a world by name, or of the world in which a trained agent learnt.

    agent: RUN, RUN:ARM or RUN:ARM:SEED, which of the agents of a run acts in the novices' seats, or the file
    of an exported agent. settings: overrides of the world, as `--world.size 9`. level: an ASCII level on
    which all episodes begin. Raises SocialRLError that names what is unknown or does not fit.
    """
    if agent is None:
        if world is None:
            raise SocialRLError("no world given", f"known: {', '.join(WORLD.names())}")
        config = configured(WORLD.config(world)(), settings, level)
        built = construct(config.build, "world")
        return Cast(world=built, config=config, learner=passive_learner(built.spec), learner_state=())
    if Path(agent).is_file():
        return _of_file(Path(agent), world, settings, level)
    return _of_run(agent, world, settings, level)


def _of_run(agent: str, world: str | None, settings: Sequence[str], level: Path | None) -> Cast:
    """The cast of a run's agent, `RUN[:ARM[:SEED]]`, in the world of its arm."""
    path, name, seed = parse_address(agent)
    if not (path / "config.json").is_file():
        raise SocialRLError(f"{path}: not a run folder", "it has no config.json")
    experiment = load_experiment(path)
    arm = find_arm(experiment, name, path)
    check_seed(experiment, seed, agent)
    own = experiment.world_of(arm)
    if world not in (None, WORLD.name_of(own)):
        raise SocialRLError(
            f"{path}: arm {arm.name} learnt in {WORLD.name_of(own)}, not in {world}", "leave the world out"
        )
    config = configured(own, settings, level)
    built = construct(config.build, "world")
    _check_same(own.build().spec, built.spec, f"{path}: arm {arm.name}")
    study, step = restored(experiment, arm, folder.RunFolder(path, {}), seed + 1)
    return Cast(
        world=built,
        config=config,
        learner=arm.learner.build(built.spec)
        if arm.generations is None
        else assemble(experiment, dataclasses.replace(arm, world=config)).learner,
        learner_state=study.seeds.unbundle(study.states)[seed],
        agent=f"{arm.name}, seed {seed}, step {step} of {experiment.name}",
        step=step,
    )


def _of_file(path: Path, world: str | None, settings: Sequence[str], level: Path | None) -> Cast:
    """The cast of an exported agent, in the world in which it learnt or in another that it fits."""
    agent = load_policy(path)
    config = agent.world if world is None else WORLD.config(world)()
    config = configured(config, settings, level)
    built = construct(config.build, "world")
    agent.check_fits(built.spec, str(path))
    return Cast(
        world=built,
        config=config,
        learner=agent.acting.as_learner(),
        learner_state=agent.leaves,
        agent=agent.facts.title,
        step=agent.facts.step,
    )


def world_of(target: str) -> Any:
    """The Config of a world by name, or of the world of an experiment that was run in a folder."""
    if WORLD.knows(target):
        return WORLD.config(target)()
    if Path(target).is_dir():
        return load_experiment(target).world
    raise unknown("world", target, WORLD.names())


def configured(config: Any, settings: Sequence[str], level: Path | None = None) -> Any:
    """A world's Config with overrides; a level sets the size as well."""
    if level is not None:
        rows = read_level(level).tiles.shape[0]
        name = str(level) if level.suffix == ".txt" or level.parent != Path() else f"./{level}"
        config = construct(lambda: dataclasses.replace(config, layout=name, size=rows), str(level))
    return apply_to_world(config, settings)


def _check_same(learnt: WorldSpec, now: WorldSpec, where: str) -> None:
    """Raises SocialRLError if an agent that learnt in one world cannot act in the other."""
    facts = ("obs_shape", "channels", "actions", "cumulants")
    pairs = [(name, getattr(learnt, name), getattr(now, name)) for name in facts]
    for name, there, here in (*pairs, ("co-players", len(learnt.coplayers), len(now.coplayers))):
        if there != here:
            raise SocialRLError(
                f"{where} learnt with {name} {there}, this world has {here}",
                "leave those settings as they were",
            )


def find_seat(spec: WorldSpec, name: str) -> int:
    """The index of a seat; raises SocialRLError with the nearest spelling."""
    if name not in spec.agents:
        raise unknown("seat", name, spec.agents)
    return spec.agents.index(name)


def find_seats(spec: WorldSpec, words: Sequence[str]) -> tuple[int, ...]:
    """Indices of seats in their order, by names (expert_0) or roles (expert: all of them), or all."""
    titles = {agent.rpartition("_")[0] for agent in spec.agents}
    for word in words:
        if word not in (*spec.agents, *titles, "all"):
            raise unknown("seat", word, (*spec.agents, *titles, "all"))
    return tuple(
        i for i, agent in enumerate(spec.agents) if {agent, agent.rpartition("_")[0], "all"} & set(words)
    )
