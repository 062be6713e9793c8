"""Experiments as plain data: a world, the arms that are compared in it, and how long they learn."""

import dataclasses
import math
from typing import Annotated, Any

from socialrl.coerce import fields_of
from socialrl.config.arms import Arm, check_config, check_name
from socialrl.config.claims import Claim
from socialrl.registry import CURRICULUM, PROTOCOL, WORLD
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.options import Options, option

REPORTING = 1000  # seeds below it are for tuning and trying out; what is reported is measured on others


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment(Options):
    """An experiment: a question, the arms that are compared, their world, and the length of training.

    Steps are environment steps of one seed. Numbers of steps are rounded up to whole chunks of
    `chunk * num_envs * unroll_length` steps.
    """

    name: str = option(help="names the run folder, runs/<name>/<number>")
    question: str = option(help="what the experiment asks, in one sentence; the report begins with it")
    world: Annotated[Any, WORLD] = option(help="a world's Config, unless an arm has its own")
    arms: tuple[Arm, ...] = option(help="the conditions that are compared")
    seeds: int = option(5, "independent repetitions of every arm, trained side by side", low=1)
    first_seed: int = option(
        0,
        f"the first seed; the others follow it, one by one. Seeds below {REPORTING} are for tuning: what is "
        "reported begins there",
        low=0,
        high=2**31 - 1,
        words="0 or more",
    )
    steps: int = option(30_000, "environment steps per seed, over all parallel environments", low=1)
    num_envs: int = option(16, "environments that are stepped in parallel, per seed", low=1)
    unroll_length: int = option(10, "steps between two updates, and the length of a learning sequence", low=1)
    num_levels: int = option(256, "levels in the pool from which training's episodes start, uniformly", low=1)
    level_refresh: float = option(
        1.0, "share of the pool that new levels replace before each chunk, the oldest first", low=0, high=1
    )
    chunk: int = option(25, "updates per compiled call; records and checkpoints fall between calls", low=1)
    evaluate_every: int = option(5_000, "steps between two evaluations on held-out levels", low=1)
    evaluation_episodes: int = option(64, "episodes of such an evaluation, per seed", low=1)
    final_episodes: int = option(256, "episodes of the evaluation at the end, per seed", low=1)
    replay_episodes: int = option(
        4, "episodes at the end that are recorded with every decision, per seed", low=1
    )
    checkpoint_every: int = option(10_000, "steps between two checkpoints", low=1)
    keep_checkpoints: int = option(
        2, "the latest checkpoints of every arm that are kept; more show phases of training", low=1
    )
    protocols: tuple[Annotated[Any, PROTOCOL], ...] = option(
        (), "further evaluations at the end, Configs of protocols"
    )
    curriculum: Annotated[Any, CURRICULUM] | None = option(
        None, "what parameters of training's levels are drawn from; None: the world's own"
    )
    claims: tuple[Claim, ...] = option((), "statements that the report checks, those of the literature too")
    claim_seeds: int = option(
        10,
        "seeds on which a claim is decided, fixed before the run: the first ones; with fewer there is no "
        "verdict, and further ones do not enter it",
        low=10,
    )
    claims_in_all: int = option(
        0, "claims that Holm's correction counts, if some of them were left out with their arms", low=0
    )
    tuning: str = option("", "how the arms were tuned, in words; the report shows it")
    scale: str = option("", 'the size in words, e.g. "two CPU cores"; the report\'s head shows it')

    def __post_init__(self) -> None:
        for key, annotation in fields_of(Experiment).items():
            value = getattr(self, key)
            if annotation is int and (not isinstance(value, int) or isinstance(value, bool)):
                raise SocialRLError(f"{key}: expected int, got {value!r}")
        super().__post_init__()
        check_name("experiment", self.name)
        check_config("world", self.world)
        if self.curriculum is not None:
            check_config("curriculum", self.curriculum)
        for number, protocol in enumerate(self.protocols):
            check_config(f"protocols.{number}", protocol)
        self._check_arms()
        self._check_claims()

    def _check_arms(self) -> None:
        if not self.arms or not all(isinstance(arm, Arm) for arm in self.arms):
            raise SocialRLError(
                f"experiment {self.name}: `arms` must hold at least one Arm",
                "arms=(Arm(name=..., learner=...), ...)",
            )
        object.__setattr__(self, "arms", tuple(self.arms))
        for arm in self.arms:
            if arm.name in RESERVED:
                raise SocialRLError(
                    f"arm {arm.name!r} has the name of an experiment's key", "choose another name"
                )
        names = [arm.name.lower() for arm in self.arms]
        for name in names:
            if names.count(name) > 1:
                raise SocialRLError(
                    f"experiment {self.name}: two arms are named {name!r}",
                    "names differ in more than upper and lower case",
                )
        self._check_partners()

    def _check_partners(self) -> None:
        before: list[str] = []
        for arm in self.arms:
            for name in arm.partners.arms if arm.partners else ():
                if name not in before:
                    raise SocialRLError(
                        f"arm {arm.name}: partners of arm {name!r}",
                        f"list that arm before it; before it are {', '.join(before) or 'none'}",
                    )
            before.append(arm.name)

    def _check_claims(self) -> None:
        known = [arm.name for arm in self.arms]
        for claim in self.claims:
            for name in claim.arms:
                if name not in known:
                    raise SocialRLError(f"claim {claim.text!r}: unknown arm {name!r}", nearest(name, known))

    @property
    def seed_numbers(self) -> range:
        """The seeds: first_seed, first_seed + 1, ..., `seeds` of them."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def reporting(self) -> bool:
        """Whether no seed is one of those for tuning."""
        return self.first_seed >= REPORTING

    @property
    def chunk_steps(self) -> int:
        """Environment steps per seed of one compiled call."""
        return self.chunk * self.num_envs * self.unroll_length

    @property
    def total_steps(self) -> int:
        """Environment steps per seed: the fewest whole chunks that make at least `steps`."""
        return math.ceil(self.steps / self.chunk_steps) * self.chunk_steps

    def check_run(self) -> None:
        """Raises SocialRLError if partners are of more seeds than a run of this experiment has."""
        for arm in self.arms:
            if arm.partners and arm.partners.seeds >= self.seeds:
                raise SocialRLError(
                    f"{arm.name}.partners.seeds: {arm.partners.seeds}",
                    f"it must be less than --seeds, {self.seeds}: nobody is to meet itself",
                )

    def check_apart(self) -> None:
        """Raises SocialRLError if an arm cannot be trained without another one of the experiment."""
        for arm in self.arms:
            if arm.partners:
                raise SocialRLError(
                    f"{arm.name}: its partners are agents of {', '.join(arm.partners.arms)}, which a sweep "
                    "trains apart",
                    "train it by `socialrl run`",
                )

    def total_of(self, arm: Arm) -> int:
        """Environment steps per seed of an arm: the fewest whole chunks that make its share of `steps`."""
        return math.ceil(arm.share * self.steps / self.chunk_steps) * self.chunk_steps

    def steps_at(self, name: str, share: float) -> int:
        """Environment steps per seed of an arm after that share of its training, in whole chunks."""
        arm = next(one for one in self.arms if one.name == name)
        return math.ceil(share * self.total_of(arm) / self.chunk_steps) * self.chunk_steps

    def lent(self, name: str) -> tuple[int, ...]:
        """The steps at which agents of an arm become partners in other arms, ascending."""
        takers = [arm.partners for arm in self.arms if arm.partners and name in arm.partners.arms]
        return tuple(sorted({self.steps_at(name, share) for one in takers for share in one.at}))

    def alone(self, arm: Arm) -> "Experiment":
        """The experiment with this arm as the last one, after those of its partners, and without claims."""
        needed = arm.partners.arms if arm.partners else ()
        others = (one for one in self.arms if one.name in needed and one.name != arm.name)
        before = tuple(dataclasses.replace(one, partners=None) for one in others)
        return dataclasses.replace(self, arms=(*before, arm), claims=())

    def ends_of(self, arm: Arm) -> tuple[int, ...]:
        """Environment steps per seed at the end of each lifetime of an arm, one for an arm without
        generations. Lifetimes are whole chunks, and differ by at most one.
        """
        count, chunks = 1 if arm.generations is None else arm.generations.count, self.total_of(arm)
        chunks //= self.chunk_steps
        return tuple(chunks * number // count * self.chunk_steps for number in range(1, count + 1))

    def world_of(self, arm: Arm) -> Any:
        """The world's Config of an arm: its own, else the experiment's."""
        return self.world if arm.world is None else arm.world

    def curriculum_of(self, arm: Arm) -> Any:
        """The curriculum's Config of an arm: its own, else the experiment's, or None."""
        return self.curriculum if arm.curriculum is None else arm.curriculum


RESERVED = frozenset(field.name for field in dataclasses.fields(Experiment)) | {"learner"}
