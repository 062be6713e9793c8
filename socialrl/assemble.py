"""The parts of one arm of an experiment, built from its configs."""

import dataclasses
from pathlib import Path

import jax
from jax import Array
from jaxtyping import Key

from socialrl import evaluation
from socialrl.coerce import construct
from socialrl.config import Arm, Experiment
from socialrl.devices import Devices
from socialrl.protocols import Study
from socialrl.record import checkpoint
from socialrl.rollout import Rollout, make_rollout
from socialrl.seeds import Seeds
from socialrl.training import Trainer, Training, make_trainer
from socialrl.types import Learner
from socialrl_envs.errors import SocialRLError
from socialrl_envs.programs import make_room
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Assembly:
    """The built parts of one arm.

    world, learner: what the configs build. rollout: steps the world with the learner in the novices' seats.
    trainer: starts a seed and trains it by chunks. sources: names of the sources of behaviour, the novice
    itself first.
    """

    experiment: Experiment
    arm: Arm
    world: World
    learner: Learner
    rollout: Rollout
    trainer: Trainer
    sources: tuple[str, ...]

    @property
    def template(self) -> Training:
        """The training state of one seed as `jax.ShapeDtypeStruct`s, without computing it."""
        return jax.eval_shape(self.trainer.start, jax.random.key(0))

    def restored(
        self, run: Path | str, checkpoints: Path, step: int | None = None
    ) -> tuple[list[Training], int]:
        """(states, step) of a checkpoint of the arm, that of `step` or the last: a training state per seed.

        run: the run folder, named in the error. checkpoints: the folder of the arm's checkpoints. Raises
        SocialRLError if there is no checkpoint, or one of another state.
        """
        latest = checkpoint.latest(checkpoints) if step is None else checkpoints / str(step)
        if latest is None:
            cure = f"socialrl run --resume {run}, or choose others by --arms"
            raise SocialRLError(f"{checkpoints}: arm {self.arm.name} has no checkpoint", cure)
        template = [self.template] * self.experiment.seeds
        return checkpoint.restore(latest, template)[0], int(latest.name)

    def study(self, states: list[Training], devices: Devices | None = None) -> Study:
        """The Study of the learners in these training states, of the experiment's first seeds, that is
        computed on the devices, by default the first one.
        """
        seeds = Seeds(len(states), devices=devices)
        return Study(
            experiment=self.experiment,
            world=self.world,
            learner=self.learner,
            seeds=seeds,
            states=seeds.bundle([state.learner for state in states]),
            roots=seeds.bundle(root_keys(self.experiment, len(states))),
        )


def assemble(experiment: Experiment, arm: Arm) -> Assembly:
    """The parts of one arm of an experiment. Nothing is compiled or run.

    Raises SocialRLError that begins with the config's key if a world or a learner cannot be built.
    """
    make_room()
    of_world = "world" if arm.world is None else f"{arm.name}.world"
    world = construct(experiment.world_of(arm).build, of_world)
    learner = construct(lambda: arm.learner.build(world.spec), f"{arm.name}.learner")
    rollout = make_rollout(world, learner)
    config = experiment.curriculum_of(arm)
    curriculum = None if config is None else construct(lambda: config.build(world), "curriculum")
    sources = evaluation.sources_of(world.spec, learner)
    trainer = make_trainer(experiment, learner, rollout, sources, curriculum)
    return Assembly(
        experiment=experiment,
        arm=arm,
        world=world,
        learner=learner,
        rollout=rollout,
        trainer=trainer,
        sources=sources,
    )


def root_keys(experiment: Experiment, count: int | None = None) -> list[Key[Array, ""]]:
    """The PRNG key of each seed, from `first_seed` on; of the first `count` seeds if that is given."""
    number = experiment.seeds if count is None else count
    return [jax.random.key(experiment.first_seed + seed) for seed in range(number)]
