"""Options of PPO and of the learners that extend it."""

import dataclasses
from typing import Literal

from socialrl.learners._config import MEMORIES
from socialrl.learners._views import ViewConfig
from socialrl.nets.memory import Kind
from socialrl_envs.options import option, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOConfig(ViewConfig):
    """Options of ppo."""

    hidden: tuple[int, ...] = option(
        (128, 128), "sizes of the torso's dense layers; the last is also the memory's", low=1
    )
    memory: Kind = option("gru", "recurrent memory", choices=MEMORIES)
    places: int = option(
        0,
        "places that a memory of where others and oneself went next, and what it paid, can hold; 0 is none",
        low=0,
        high=32,
    )
    heads: tuple[int, ...] = option((), "sizes of tanh layers before the policy, and before the value", low=1)
    mirror: bool = option(False, "make the policy equivariant to swapping left and right")
    use_prev_action_reward: bool = option(True, "the previous action and reward are inputs")
    use_prev_reward: bool = option(True, "the previous reward is one of them; else the action alone is")
    parameter_sharing: bool = option(True, "all novices share their parameters, else each has its own")
    gamma: float = option(0.99, "discount per step", low=0, below=1)
    gae_lambda: float = option(0.95, "lambda of generalised advantage estimation", low=0, high=1)
    lr: float = option(1e-3, "learning rate of Adam at the start of training", above=0)
    lr_end: float = option(1e-3, "learning rate after `anneal` environment steps", low=0)
    epochs: int = option(1, "passes over each unroll", low=1)
    minibatches: int = option(
        4, "gradient steps per epoch, each on an equal random share of the sequences", low=1
    )
    bptt_length: int = option(
        0, "steps through which gradients are propagated back in time; 0 is the whole unroll", low=0
    )
    recompute_advantages: bool = option(
        True, "compute carries, values and advantages anew before each epoch, else once per unroll"
    )
    clip: float = option(0.2, "clipping range of the ratio of new to old probabilities around 1", above=0)
    value_coef: float = option(0.1, "weight of the value loss", low=0)
    entropy_coef: float = option(0.05, "weight of the entropy bonus at the start of training", low=0)
    entropy_coef_end: float = option(
        0.01, "weight of the entropy bonus after `anneal` environment steps", low=0
    )
    anneal: int = option(
        3_000_000, "environment steps over which learning rate and entropy bonus change linearly", low=1
    )
    max_grad_norm: float = option(0.5, "norm to which gradients are clipped", above=0)
    kl_target: float = option(
        0.0, "KL divergence from the old policy, in nats, at which an update stops; 0 never stops", low=0
    )
    predicts: Literal["next", "same"] = option(
        "next", "which view the auxiliary head predicts; same is a control", choices=("next", "same")
    )
    attention_coef: float = option(
        0.0, "weight of predicting where co-players are, a target that is seen in training only", low=0
    )

    attention_to: Literal["each", "set", "nearest"] = option(
        "each",
        "whose position is predicted: each co-player's in seat order, all in any order, or the nearest's",
        choices=("each", "set", "nearest"),
    )

    concepts: Literal["none", "soft", "hard"] = option(
        "none",
        "read all features, or concepts alone: their probabilities (soft), or likeliest values (hard)",
        choices=("none", "soft", "hard"),
    )
    concept_coef: float = option(
        1.0, "weight of predicting the concepts, whose truth is seen in training only", low=0
    )
    residual: int = option(0, "how many numbers policy and value read besides the concepts", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        beside = self.residual == 0 or self.concepts != "none"
        require(beside, "residual", self.residual, "0 without concepts: it is what is read besides them")
        require(
            not (self.mirror and self.concepts != "none"),
            "mirror",
            self.mirror,
            "off with concepts, whose mirror images are not known",
        )
        require(len(self.hidden) > 0, "hidden", self.hidden, "one positive size per layer")
