"""What flows between a rollout and a learner, and what a learner is.

Axis letters: `B` parallel worlds, `T` time, `M` novices, `K` co-players, `S` sources of behaviour (self
first, then the co-players in seat order), `A` actions, `V` x `V` x `C` one view.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from jax import Array
from jaxtyping import Bool, Float32, Int32, PyTree, UInt8

from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec

Scale = Literal["reward", "logit"]


@pytree
class Timestep:
    """What a novice knows when it acts.

    first: a new episode starts here, so memory must be forgotten; the previous action and reward are 0 then.
    """

    obs: UInt8[Array, "*batch V V C"]
    prev_action: Int32[Array, "*batch"]
    prev_reward: Float32[Array, "*batch"]
    first: Bool[Array, "*batch"]


@pytree
class Transition:
    """A novice's own experience of one step. `next_obs` is what really followed, never a reset frame.

    terminated: the episode ended and has no future. truncated: time ran out; bootstrap through it.
    """

    timestep: Timestep
    action: Int32[Array, "*batch"]
    reward: Float32[Array, "*batch"]
    next_obs: UInt8[Array, "*batch V V C"]
    terminated: Bool[Array, "*batch"]
    truncated: Bool[Array, "*batch"]


@pytree
class Demonstration:
    """What can be seen of another seat's step: everything but its reward.

    discount: 0 where the task ended for good, else 1. last: the episode ends here, so the next step is of
    another one.
    present: whether that seat was on the grid (an absent one demonstrates nothing).
    """

    obs: UInt8[Array, "*batch V V C"]
    action: Int32[Array, "*batch"]
    next_obs: UInt8[Array, "*batch V V C"]
    discount: Float32[Array, "*batch"]
    last: Bool[Array, "*batch"]
    present: Bool[Array, "*batch"]


@pytree
class Decision:
    """Every step's decision. source: 0 = own policy, k = as co-player k would act (its number among the
    co-players, from 1).

    values: what each source thought each action worth to the novice, in reward units (logits for a policy
    without values).
    influence: KL(pi(.|o) || pi(.|o with the others hidden)) in nats; NaN while training, and where the
        learner has no stochastic policy.
    """

    action: Int32[Array, "*batch"]
    source: Int32[Array, "*batch"]
    values: Float32[Array, "*batch S A"]
    influence: Float32[Array, "*batch"]


@pytree
class Experience:
    """One unroll of many worlds: own steps (T, B, M, ...), the others' steps (T, B, K, ...), and the memory
    it began with.

    whereabouts: cells ahead and to the right of each novice at which the co-players stood, by the length of
        the grid; a privileged target for learning, which no policy may see.
    """

    own: Transition
    others: Demonstration
    memory: PyTree
    decision: Decision
    whereabouts: Float32[Array, "T B M K 2"]


class Learner(NamedTuple):
    """Three pure functions over a frozen state, and the memory that an episode starts with.

    init(key, unroll, worlds) -> state; it will be updated with unrolls of `unroll` steps in `worlds` parallel
    worlds
    act(state, memory, timestep, key, explore) -> (Decision, memory); `explore` is static: True while training
    update(state, experience, key) -> (state, metrics); metrics are scalars by name
    memory(*batch) -> the memory of a batch of novices at the start of an episode
    adapt(state, experience, key) -> state: few-shot learning on a new task from own experience, or None if
        the learner has nothing better than `update`
    transfer(trained, fresh) -> state: what `trained` knows in a state that `init` made for other unrolls or
        worlds; its experience stays behind
    influence(state, memory, timestep) -> KL(pi(.|o) || pi(.|o with the others hidden)) of every novice,
        float32 (*batch), or None if the learner has no stochastic policy; evaluation writes it into the
        decisions
    explain(state, memory, timestep, decision) -> arrays by name, leaves (*batch, ...), of what a replay shows
        besides the decision, none of them a must: `prediction` (V, V, C) of the next observation in the units
        of the view, `spread` (S, A) of an ensemble about the values. Asked of recorded episodes alone
    follow(state, memory, timestep, source, key) -> (action, memory): an action as each novice believes that
        source would act, or None if there is but itself; for recorded episodes, to tell where the novice
        expects to go
    pretrain(state, key, steps) -> (state, metrics): so many gradient steps (static) on recorded
        demonstrations alone, before the first step in a world, or None
    offline: how many of these there shall be
    appraise(state, others) -> what every step of a Demonstration (T, B, L, ...), of any seats, is worth to
        each source by the preferences that it is believed to have, float32 (T, B, L, S), up to scale and
        offset; or None if it believes nothing
    infer(state, shown, asked) -> (state, logits): whoever took the steps of a Demonstration `shown` (T, B, L,
        ...) is taken for one agent with a goal of its own, for which the novices act from then on; logits (T,
        B, L, A) of its policy at the steps of `asked`; or None
    scale: what the values of its decisions are, worths in units of reward or logits of a policy
    """

    init: Callable[..., Any]
    act: Callable[..., tuple[Decision, Any]]
    update: Callable[..., tuple[Any, dict[str, Array]]]
    memory: Callable[..., Any]
    adapt: Callable[..., Any] | None = None
    transfer: Callable[..., Any] | None = None
    influence: Callable[..., Array] | None = None
    explain: Callable[..., dict[str, Array]] | None = None
    follow: Callable[..., tuple[Array, Any]] | None = None
    pretrain: Callable[..., tuple[Any, dict[str, Array]]] | None = None
    offline: int = 0
    appraise: Callable[..., Array] | None = None
    infer: Callable[..., tuple[Any, Array]] | None = None
    scale: Scale = "reward"


@runtime_checkable
class LearnerConfig(Protocol):
    """A learner file's `Config`: frozen, checked at construction."""

    def build(self, spec: WorldSpec) -> Learner: ...
