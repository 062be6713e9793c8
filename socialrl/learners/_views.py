"""Options of what learners make of views: the convolutions before the torso's dense layers, and the auxiliary
head that predicts the next view; and how both are built for a world.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, UInt8

from socialrl.losses.prediction import prediction_loss, weighted_prediction_loss
from socialrl.nets.heads import Prediction
from socialrl.nets.memory import Encoder, Kind
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewConfig(Options):
    """Options of every learner that sees views and may predict the next one."""

    filters: tuple[int, ...] = option(
        (),
        "sizes of convolutions before the dense layers: the first of one cell, each further one of 3 x 3",
        low=1,
    )
    prediction_coef: float = option(0.0, "weight of the auxiliary next-observation loss", low=0)
    predictor: tuple[int, ...] = option((), "sizes of the auxiliary head's hidden layers", low=1)
    predictor_action: Literal["added", "multiplied"] = option(
        "added",
        "how the action enters the auxiliary head: added to its inputs, or multiplied with its first layer",
        choices=("added", "multiplied"),
    )
    predicted_channels: Literal["all", "others"] = option(
        "all",
        "channels that count in the auxiliary loss: all, or those that show others",
        choices=("all", "others"),
    )
    changed_weight: float = option(
        1.0, "weight in the auxiliary loss of an entry that changes, where one that stays has 1", above=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.predictor_action == "multiplied":
            require(len(self.predictor) > 0, "predictor", self.predictor, "at least one size if multiplied")


def encoder(
    config: ViewConfig,
    spec: WorldSpec,
    hidden: tuple[int, ...],
    memory: Kind,
    aux_inputs: int = 0,
    marks: int = 0,
) -> Encoder:
    """The Encoder of a learner in this world. marks: channels of 0 and 1 that it adds to the view."""
    highs = (*spec.channel_highs, *(1,) * marks) if spec.channel_highs else ()
    return Encoder(hidden, memory, aux_inputs, config.filters, highs, spec.pixels)


def prediction_head(config: ViewConfig, spec: WorldSpec) -> Prediction:
    """The auxiliary head of a learner in this world."""
    multiplied = config.predictor_action == "multiplied"
    return Prediction(spec.obs_shape, len(spec.actions), config.predictor, multiplied, spec.channel_highs)


PredictionLoss = Callable[
    [Float32[Array, "T V V C"], UInt8[Array, "T V V C"], UInt8[Array, "T V V C"]], Array
]


def prediction_loss_of(config: ViewConfig, spec: WorldSpec) -> PredictionLoss:
    """The auxiliary loss (T,) of one sequence in this world: a function (predicted, next_obs, obs).

    Raises SocialRLError if only channels of others are to count and the view has none.
    """
    others, highs = config.predicted_channels == "others", spec.channel_highs
    if others and config.prediction_coef > 0 and not spec.channels_of_others:
        raise SocialRLError(
            "predicted_channels: 'others', but no channel of these views shows others", "it must be all"
        )
    if not others and config.changed_weight == 1 and not highs:
        return lambda predicted, next_obs, obs: prediction_loss(predicted, next_obs)
    counts = [not others or channel in spec.channels_of_others for channel in spec.channels]

    def weighted(
        predicted: Float32[Array, "T V V C"], next_obs: UInt8[Array, "T V V C"], obs: UInt8[Array, "T V V C"]
    ) -> Float32[Array, " T"]:
        weights, units = jnp.array(counts, jnp.float32), jnp.array(highs or (1,), jnp.float32)
        return weighted_prediction_loss(predicted, next_obs, obs, weights, units, config.changed_weight)

    return weighted
