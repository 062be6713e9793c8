"""The data that a rollout hands to a learner, and the contract of a learner.

A learner is a core of four pure functions (`Learner`) and any number of optional capabilities, which a caller
asks for by type: `learner.capability(FewShot)` is a `FewShot` or None.

Axis letters: `T` time, `S` sources of behaviour (the novice itself first, then the co-players in seat order),
`A` actions, `V` x `V` x `C` one view. `B` is the axis of parallel worlds (num_envs); the axes of the novices
and of the co-players are called `novices` and `coplayers`. `*batch` stands for any number of leading axes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl_envs.concepts import Concept
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec

ValueUnit = Literal["reward", "logit"]
Metrics = dict[str, Array]  # float32 scalars by name
Overrides = dict[str, Array]  # parameters of a level that take the place of the world's own, by name


@pytree
class Timestep:
    """The input of a novice's policy at one step.

    obs: its view, uint8. prev_action, prev_reward: of the step before in the same episode, 0 at its start.
    first: whether this is the first step of an episode, at which a recurrent policy resets its carry.
    """

    obs: UInt8[Array, "*batch V V C"]
    prev_action: Int32[Array, "*batch"]
    prev_reward: Float32[Array, "*batch"]
    first: Bool[Array, "*batch"]


@pytree
class Transition:
    """One step of a novice with its own reward.

    next_obs: the true successor of `timestep.obs`, never the first view of the next episode. terminated: the
    task ended, so the value of the successor is 0. truncated: the time limit was reached, so it is
    bootstrapped from.
    """

    timestep: Timestep
    action: Int32[Array, "*batch"]
    reward: Float32[Array, "*batch"]
    next_obs: UInt8[Array, "*batch V V C"]
    terminated: Bool[Array, "*batch"]
    truncated: Bool[Array, "*batch"]


@pytree
class Demonstration:
    """One step of another seat as a learner may see it: without its reward.

    discount: 0 where the task ended, else 1. last: whether this is the last step of an episode. present:
    whether the seat was on the grid; the step of an absent seat must not be learnt from.
    """

    obs: UInt8[Array, "*batch V V C"]
    action: Int32[Array, "*batch"]
    next_obs: UInt8[Array, "*batch V V C"]
    discount: Float32[Array, "*batch"]
    last: Bool[Array, "*batch"]
    present: Bool[Array, "*batch"]


@pytree
class Decision:
    """What a novice decided at one step; replays keep it.

    action: in 0..A-1. source: the source of behaviour that the action was taken from, 0 for the novice's own
    policy, k for co-player k (counted from 1). values: of each action under each source, in the learner's
    `value_unit`; a learner that only acts for itself has S = 1. influence: KL(pi(.|o) || pi(.|o with the
    others hidden)) in nats; NaN while training and for learners without the capability `Influence`.
    """

    action: Int32[Array, "*batch"]
    source: Int32[Array, "*batch"]
    values: Float32[Array, "*batch S A"]
    influence: Float32[Array, "*batch"]


def decision_of(
    action: Int32[Array, "*batch"],
    values: Float32[Array, "*batch S A"],
    source: Int32[Array, "*batch"] | None = None,
) -> Decision:
    """The Decision to take this action, by the novice's own policy unless a source is given; influence is
    NaN.
    """
    return Decision(
        action=action,
        source=jnp.zeros_like(action) if source is None else source,
        values=values,
        influence=jnp.full(action.shape, jnp.nan, jnp.float32),
    )


class ActOutput(NamedTuple):
    """What `Learner.act` returns.

    decision: leaves (*batch, ...). carry: the recurrent state after the step, shaped as before it. extras: a
    pytree of the learner's own, leaves (*batch, ...), which it gets back in `Experience.extras`; () if it
    needs nothing.
    """

    decision: Decision
    carry: PyTree
    extras: PyTree


@pytree
class Experience:
    """One unroll of B parallel worlds.

    own: the novices' steps, leaves (T, B, novices, ...). others: the co-players' steps, leaves (T, B,
    coplayers, ...). carry: the novices' recurrent state before the first step, leaves (B, novices, ...).
    decision, extras: as `act` returned them, leaves (T, B, novices, ...). relative_positions: how many cells
    ahead and to the right of each novice each co-player stood, divided by the longer side of the grid; a
    privileged training target that no policy may see; so are positions and headings, the cell (row, column)
    and the heading of every seat before the step, and concepts, the index of each concept's true value to
    each novice, -1 where it means nothing, which learners without ConceptBottleneck do not get.
    """

    own: Transition
    others: Demonstration
    carry: PyTree
    decision: Decision
    extras: PyTree
    relative_positions: Float32[Array, "T B novices coplayers 2"]
    positions: Int32[Array, "T B N 2"]
    headings: Int32[Array, "T B N"]
    concepts: Int32[Array, "T B novices concepts"] | None = None


State = TypeVar("State")
State_co = TypeVar("State_co", covariant=True)
State_contra = TypeVar("State_contra", contravariant=True)


@runtime_checkable
class Init(Protocol[State_co]):
    """(key, unroll_length, num_envs) -> a fresh state, to be updated with unrolls of that shape."""

    def __call__(self, key: Key[Array, ""], unroll_length: int, num_envs: int, /) -> State_co: ...


@runtime_checkable
class Act(Protocol[State_contra]):
    """(state, carry, timestep, key, explore) -> ActOutput, over any batch axes; `explore` is static, True in
    training.
    """

    def __call__(
        self, state: State_contra, carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool, /
    ) -> ActOutput: ...


@runtime_checkable
class Update(Protocol[State]):
    """(state, experience, key) -> (state of the same structure, metrics)."""

    def __call__(
        self, state: State, experience: Experience, key: Key[Array, ""], /
    ) -> tuple[State, Metrics]: ...


@runtime_checkable
class InitialCarry(Protocol):
    """(*batch) -> the recurrent state at the start of an episode, leaves (*batch, ...); () without memory."""

    def __call__(self, *batch: int) -> PyTree: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class FewShot:
    """adapt(state, experience, key) -> state: adapts to a new task from a few episodes of the
    novices' own.
    """

    adapt: Callable[[Any, Experience, Key[Array, ""]], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearntCumulants:
    """cumulants(state, own) -> float32 (T, B, novices, K): the features of each step of a Transition
    (T, B, novices, ...) in which the learner takes rewards to be linear.
    """

    cumulants: Callable[[Any, Transition], Float32[Array, "T B novices K"]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmStart:
    """warm_start(trained, fresh) -> state: `fresh`, which `init` may have made for another unroll length or
    number of worlds, with the knowledge of `trained`; stored experience and the state of the optimiser are
    not taken over.
    """

    warm_start: Callable[[Any, Any], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offline:
    """Training on recorded demonstrations before the first step in a world.

    pretrain(state, key, steps) -> (state, metrics): that many gradient steps; `steps` is static. steps: how
    many the config asks for.
    """

    pretrain: Callable[[Any, Key[Array, ""], int], tuple[Any, Metrics]]
    steps: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Influence:
    """influence(state, carry, timestep) -> float32 (*batch): KL(pi(.|o) || pi(.|o with the others hidden)) in
    nats.
    """

    influence: Callable[[Any, PyTree, Timestep], Float32[Array, "*batch"]]


BELIEFS = ("seen", "paid", "others", "going")  # the planes of a belief


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """diagnose(state, carry, timestep, decision) -> arrays by name, leaves (*batch, ...), that a replay shows
    beside the decision. All are optional: `prediction` (V, V, C), the predicted next view in the units of the
    view; `spread` (S, A), the standard deviation of an ensemble's values; `belief` (BELIEFS, R, R), what it
    believes of the cells around it, from 0 to 1, on a square with itself in the middle that looks the way
    that it looks (up, if it has no heading): what it has seen of a cell (0 nothing, 0.5 floor, 1 wall), what
    entering it paid (0 nothing, 0.5 a loss, 1 a gain), how lately another was there, how probably another is
    going there.
    """

    diagnose: Callable[[Any, PyTree, Timestep, Decision], dict[str, Array]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActAs:
    """act_as(state, carry, timestep, source, key) -> (action, carry): int32 (*batch), an action drawn from
    the policy that each novice attributes to the source (*batch) in its place.
    """

    act_as: Callable[
        [Any, PyTree, Timestep, Int32[Array, "*batch"], Key[Array, ""]], tuple[Int32[Array, "*batch"], PyTree]
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForceSource:
    """force(state, carry, timestep, source, key) -> ActOutput: the greedy decision of each novice if it takes
    its action from the source (*batch) in this step, whichever it would choose itself.

    Forced to the source that `act` chooses it decides as `act` does, as far as it does not draw its actions.
    Source 0 is acting for itself.
    """

    force: Callable[[Any, PyTree, Timestep, Int32[Array, "*batch"], Key[Array, ""]], ActOutput]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RewardInference:
    """infer_rewards(state, others) -> float32 (T, B, seats, S): the reward of each step of a Demonstration
    (T, B, seats, ...) by the preferences that the learner attributes to each source, up to scale and offset.
    """

    infer_rewards: Callable[[Any, Demonstration], Float32[Array, "T B seats S"]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoalInference:
    """infer_goal(state, shown, asked) -> (state, logits): infers the goal of the agent that took the steps
    `shown`, which the novices pursue from then on; logits (T, B, seats, A) of its policy at the steps
    `asked`. Both are Demonstrations (T, B, seats, ...).
    """

    infer_goal: Callable[[Any, Demonstration, Demonstration], tuple[Any, Float32[Array, "T B seats A"]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Masked:
    """update(state, experience, trains, key) -> (state, metrics): as `Learner.update`, but only worlds in
    which `trains`, bool (B,), is True count, as if the others were not there. Where none is, nothing is
    learnt.
    """

    update: Callable[[Any, Experience, Bool[Array, " B"], Key[Array, ""]], tuple[Any, Metrics]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Critic:
    """evaluate(state, experience) -> (value, advantage), float32 (T, B, novices): of the policy in this
    state, the value of every step, and its generalised advantage. gamma: the discount per step of both.
    """

    evaluate: Callable[[Any, Experience], tuple[Float32[Array, "T B novices"], Float32[Array, "T B novices"]]]
    gamma: float


@pytree
class Intervention:
    """What is put in the place of what a policy reads in a step.

    values: the index of the value that each concept is set to; -1: as the policy itself predicts it.
    residual: what the residual is set to; NaN: as it is.
    """

    values: Int32[Array, "*batch concepts"]
    residual: Float32[Array, "*batch residual"]


@pytree
class ConceptReading:
    """What a policy reads in a step. probability: of every value of every concept, in rows as long as the
    longest, 0 beyond a concept's own values. residual: the numbers that it reads besides.
    """

    probability: Float32[Array, "*batch concepts longest"]
    residual: Float32[Array, "*batch residual"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConceptBottleneck:
    """A policy that reads named concepts, and a residual of some width, alone.

    read(state, carry, timestep) -> ConceptReading. intervene(state, carry, timestep, intervention, key,
    explore) -> ActOutput: as `act`, with values in the place of concepts; nothing put in, it decides as
    `act`. The carry does not depend on the intervention. concepts: what it reads, those of the world.
    """

    concepts: tuple[Concept, ...]
    residual: int
    read: Callable[[Any, PyTree, Timestep], ConceptReading]
    intervene: Callable[[Any, PyTree, Timestep, Intervention, Key[Array, ""], bool], ActOutput]

    def free(self, *batch: int) -> Intervention:
        """The Intervention that puts nothing in; batch: its axes."""
        return Intervention(
            values=jnp.full((*batch, len(self.concepts)), -1, jnp.int32),
            residual=jnp.full((*batch, self.residual), jnp.nan, jnp.float32),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Companions:
    """Co-players that act by parameters in the learner's state, in the place of the policies of their seats.

    agents: their names. initial_carry() -> what each of them keeps before its first step. act(state, carry,
    observation, reward, first, key) -> (action, carry): of one of them, as `Policy.apply_policy`.
    """

    agents: tuple[str, ...]
    initial_carry: Callable[[], PyTree]
    act: Callable[
        [Any, PyTree, UInt8[Array, "V V C"], Float32[Array, ""], Bool[Array, ""], Key[Array, ""]],
        tuple[Int32[Array, ""], PyTree],
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReferencePolicy:
    """A policy that is improved on an inferred reward, from a reference policy that it is not to fall below.

    reference(state) -> the state in which the reference policy acts. proxy(state, obs, action) -> float32
    (*batch): the inferred reward of steps.
    """

    reference: Callable[[Any], Any]
    proxy: Callable[[Any, UInt8[Array, "*batch V V C"], Int32[Array, "*batch"]], Float32[Array, "*batch"]]


Capability = (
    FewShot
    | LearntCumulants
    | WarmStart
    | Offline
    | Influence
    | Diagnostics
    | ActAs
    | ForceSource
    | RewardInference
    | GoalInference
    | Masked
    | Critic
    | ConceptBottleneck
    | Companions
    | ReferencePolicy
)
CapabilityT = TypeVar("CapabilityT")


@dataclasses.dataclass(frozen=True)
class SourceName:
    """What a source of behaviour is called. way: how it follows, such as "imitation", or "self". whom: the
    name of a co-player, or "" if it is not said whom.
    """

    way: str
    whom: str = ""

    def __str__(self) -> str:
        return f"{self.way} {self.whom}".strip()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learner(Generic[State]):
    """Four pure functions over a frozen state, and what the learner can do besides.

    The state is a pytree of arrays whose structure, shapes and dtypes no function changes. init, act, update,
    initial_carry: see `Init`, `Act`, `Update`, `InitialCarry`. value_unit: what `Decision.values` are,
    rewards or logits of a policy. capabilities: at most one of each type. sources: the names of its sources,
    itself first; None if they are "self" and the co-players. alike: whether `act` treats all novices alike,
    whatever their number, so that it may be given fewer of them than the world has.
    """

    init: Init[State]
    act: Act[State]
    update: Update[State]
    initial_carry: InitialCarry
    value_unit: ValueUnit = "reward"
    sources: tuple["SourceName", ...] | None = None
    capabilities: tuple[Capability, ...] = ()
    alike: bool = False

    def capability(self, kind: type[CapabilityT]) -> CapabilityT | None:
        """The learner's capability of this type, or None if it has none."""
        return next((one for one in self.capabilities if isinstance(one, kind)), None)


@runtime_checkable
class LearnerConfig(Protocol):
    """The `Config` of a learner: a frozen dataclass whose values are checked when it is made."""

    def build(self, spec: WorldSpec) -> Learner[Any]:
        """The learner for a world; raises SocialRLError if it cannot learn there."""
        ...
