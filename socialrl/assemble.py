"""The parts of one arm of an experiment, built from its configs."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import jax
from jax import Array
from jaxtyping import Key, PyTree

from socialrl import evaluation
from socialrl.acting import Acting, check_fits, leaves_by_path, leaves_read, template_of
from socialrl.coerce import construct
from socialrl.config import Arm, Experiment
from socialrl.devices import Devices
from socialrl.lineage import Generational
from socialrl.population import Members, TrainedPopulation, stack
from socialrl.protocols import Study
from socialrl.record import checkpoint
from socialrl.record.folder import RunFolder
from socialrl.rollout import Rollout, make_rollout
from socialrl.seeds import Seeds
from socialrl.training import Company, Trainer, Training, make_trainer
from socialrl.types import Learner
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.hosting import Functions
from socialrl_envs.programs import make_room
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Assembly:
    """The built parts of one arm.

    world, learner: what the configs build. rollout: steps the world with the learner in the novices' seats.
    trainer: starts a seed and trains it by chunks. sources: names of the sources of behaviour, the novice
    itself first. generations: those of the arm, whose learner `learner` is; None for one lifetime.
    """

    experiment: Experiment
    arm: Arm
    world: World
    learner: Learner
    rollout: Rollout
    trainer: Trainer
    sources: tuple[str, ...]
    generations: Generational | None = None

    @cached_property
    def template(self) -> Training:
        """The training state of one seed as `jax.ShapeDtypeStruct`s, without computing it."""
        return jax.eval_shape(self.trainer.start, jax.random.key(0), self.partner_shapes())

    @cached_property
    def acting(self) -> Acting:
        """The learner as far as acting needs it, in the place of the first novice."""
        return acting_of(self.experiment, self.arm)

    @cached_property
    def read(self) -> frozenset[str]:
        """Paths of the leaves of the learner's state that acting reads."""
        return leaves_read(self.arm.learner, self.world.spec, self.acting.template, 0)

    def members(self, states: Sequence[Training]) -> Members:
        """The agents of these training states, one per seed."""
        if self.generations is not None:
            return Members(
                acting=self.acting, leaves=[self.generations.agent(state.learner) for state in states]
            )
        found = [
            {name: leaf for name, leaf in leaves_by_path(state.learner).items() if name in self.read}
            for state in states
        ]
        return Members(acting=self.acting, leaves=found)

    def lender(self, name: str) -> "Assembly":
        """The parts of another arm of the experiment; raises SocialRLError if there is none of this name."""
        others = {arm.name: arm for arm in self.experiment.arms}
        if name not in others:
            raise unknown("arm", name, others)
        return assemble(self.experiment, others[name])

    def lent(self, run: Path, name: str, step: int | None = None) -> Members:
        """The agents of another arm of a run, of its checkpoint of this step, or the last."""
        lender = self.lender(name)
        return lender.members(lender.restored(run, RunFolder(run, {}).checkpoints(name), step)[0])

    def partners(self, run: Path) -> list[PyTree]:
        """What `Trainer.chunk` takes as partners, per seed: the parameters of `Arm.partners`, of the
        checkpoints of their arms in a run, leaves (P, ...); () for an arm without partners.

        Raises SocialRLError if an arm has not got as far.
        """
        wanted, count = self.arm.partners, self.experiment.seeds
        if wanted is None:
            return [()] * count
        found = [
            self.lent(run, name, self.experiment.steps_at(name, share)).leaves
            for share in wanted.at
            for name in wanted.arms
        ]
        shifts = wanted.shifts()
        return [
            stack([leaves[(seed + shift) % count] for leaves in found for shift in shifts])
            for seed in range(count)
        ]

    def partner_shapes(self) -> PyTree:
        """The partners of one seed as `jax.ShapeDtypeStruct`s."""
        wanted = self.arm.partners
        if wanted is None:
            return ()
        lender, size = self.lender(wanted.arms[0]), wanted.size
        leaves = leaves_by_path(lender.acting.template)
        return {
            name: jax.ShapeDtypeStruct((size, *leaves[name].shape), leaves[name].dtype)
            for name in sorted(lender.read)
        }

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

    def study(self, states: list[Training], devices: Devices | None = None, run: Path | None = None) -> Study:
        """The Study of the learners in these training states, of the experiment's first seeds, that is
        computed on the devices, by default the first one. run: the run folder, in which a protocol finds
        agents of other arms.
        """
        seeds = Seeds(len(states), devices=devices)

        def agents(name: str | None) -> Members:
            if name is None:
                return self.members(states)
            if run is None:
                raise SocialRLError(f"agents of arm {name}: there is no run", "train it by `socialrl run`")
            return self.lent(run, name)

        return Study(
            experiment=self.experiment,
            world=self.world,
            learner=self.learner,
            generations=self.generations,
            seeds=seeds,
            states=seeds.bundle([state.learner for state in states]),
            roots=seeds.bundle(root_keys(self.experiment, len(states))),
            arm=self.arm,
            agents=agents,
        )


def assemble(experiment: Experiment, arm: Arm) -> Assembly:
    """The parts of one arm of an experiment. Nothing is compiled or run.

    Raises SocialRLError that begins with the config's key if a world or a learner cannot be built.
    """
    make_room()
    of_world = "world" if arm.world is None else f"{arm.name}.world"
    world = construct(experiment.world_of(arm).build, of_world)
    learner, generations = construct(lambda: arm.learner.build(world.spec), f"{arm.name}.learner"), None
    if arm.generations is not None:
        generations = construct(
            lambda: Generational(experiment, arm, world, learner), f"{arm.name}.generations"
        )
        learner = generations.learner
    rollout = make_rollout(world, learner)
    config = experiment.curriculum_of(arm)
    curriculum = None if config is None else construct(lambda: config.build(world), "curriculum")
    if generations is not None and curriculum is not None and curriculum.chooser is not None:
        raise SocialRLError(
            f"{arm.name}.generations: beside a curriculum that chooses levels", "take another curriculum"
        )
    sources = evaluation.sources_of(world.spec, learner)
    company = None if arm.partners is None else company_of(experiment, arm, world)
    trainer = make_trainer(experiment, learner, rollout, sources, curriculum, company, generations)
    return Assembly(
        experiment=experiment,
        arm=arm,
        world=world,
        learner=learner,
        rollout=rollout,
        trainer=trainer,
        sources=sources,
        generations=generations,
    )


def acting_of(experiment: Experiment, arm: Arm) -> Acting:
    """The learner of an arm as far as acting needs it, in the place of the first novice."""
    spec = construct(experiment.world_of(arm).build, f"{arm.name}.world").spec
    learner = construct(lambda: arm.learner.build(spec), f"{arm.name}.learner")
    template = template_of(arm.learner, spec, experiment.unroll_length, experiment.num_envs)
    return Acting(learner=learner, spec=spec, template=template, novice=0)


def company_of(experiment: Experiment, arm: Arm, world: World) -> Company:
    """The policies of the co-players of an arm with partners, as a function of their parameters.

    Raises SocialRLError if the partners have no seat, cannot act in the world, or did not learn alike.
    """
    wanted = arm.partners
    assert wanted is not None
    where = f"{arm.name}.partners"
    lenders = [one for one in experiment.arms if one.name in wanted.arms]
    if not world.spec.coplayers:
        raise SocialRLError(f"{where}: the world has no co-player", "give it experts")
    if len({repr(one.learner) for one in lenders}) > 1:
        raise SocialRLError(f"{where}.arms: {', '.join(wanted.arms)} learn differently", "take one learner")
    acting = acting_of(experiment, lenders[0])
    check_fits(acting.spec, world.spec, f"{where}: arm {lenders[0].name}")
    agents = [world.spec.agents[seat] for seat in world.spec.coplayers]

    def company(leaves: Mapping[str, Array]) -> Functions:
        population = TrainedPopulation(acting=acting, leaves=leaves, greedy=wanted.greedy)
        return dict.fromkeys(agents, population)

    return company


def root_keys(experiment: Experiment, count: int | None = None) -> list[Key[Array, ""]]:
    """The PRNG key of each seed, from `first_seed` on; of the first `count` seeds if that is given."""
    number = experiment.seeds if count is None else count
    return [jax.random.key(experiment.first_seed + seed) for seed in range(number)]
