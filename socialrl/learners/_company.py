"""Is another agent worth learning from? Judged online, from one's own rewards alone.

Two questions: is it *predictable* (does its model say what it does better than chance?), and is it *useful*
(would its steps have paid me more than mine do, by my own idea of what pays?). And one about oneself: is that
idea any good yet? Nobody tells who is which, and nobody's rewards are seen.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

from socialrl_envs.struct import pytree

PREDICTABLE = 0.25  # share of the bits of a uniform guess that have to be saved for full trust
LENIENCE = 2.0  # gate widths by which another may pay less than oneself and still count half


@pytree
class Company:
    """Running means per step. own: of one's reward, square: of its square, surprise: of the square of what
    one's idea of it missed. worth: what each other's step would have paid oneself. skill: nats that its model
    saves against a uniform guess, as a share of all. weight, weights: what they rest on.
    """

    own: Float32[Array, ""]
    square: Float32[Array, ""]
    surprise: Float32[Array, ""]
    weight: Float32[Array, ""]
    worth: Float32[Array, " K"]
    skill: Float32[Array, " K"]
    weights: Float32[Array, " K"]


def strangers(count: int) -> Company:
    """So many others of whom nothing is known."""
    none, each = jnp.float32(0), jnp.zeros(count, jnp.float32)
    return Company(own=none, square=none, surprise=none, weight=none, worth=each, skill=each, weights=each)


def judge(
    company: Company,
    reward: Float32[Array, "T B M"],
    expected: Float32[Array, "T B M"],
    worth: Float32[Array, "T B K"],
    log_prob: Float32[Array, "T B K"],
    present: Bool[Array, "T B K"],
    actions: int,
    rate: float,
) -> Company:
    """After an unroll more. expected: Phi(s, a) . w_ego of one's own steps, worth: of the others' steps,
    log_prob: of their actions under their models.

    rate: how far the means move towards those of this unroll, 0..1. Who was absent throughout is judged as
    before.
    """
    there = present.astype(jnp.float32)
    count = jnp.sum(there, axis=(0, 1))
    toward = jnp.where(count > 0, rate, 0.0)

    def of_each(old: Array, steps: Array) -> Array:
        return old + toward * (jnp.sum(steps * there, axis=(0, 1)) / jnp.maximum(count, 1.0) - old)

    return Company(
        own=company.own + rate * (jnp.mean(reward) - company.own),
        square=company.square + rate * (jnp.mean(reward**2) - company.square),
        surprise=company.surprise + rate * (jnp.mean((reward - expected) ** 2) - company.surprise),
        weight=company.weight + rate * (1 - company.weight),
        worth=of_each(company.worth, worth),
        skill=of_each(company.skill, 1 + log_prob / jnp.log(jnp.float32(actions))),
        weights=company.weights + toward * (1 - company.weights),
    )


def gates(company: Company, width: float) -> Float32[Array, " K"]:
    """How far each other counts, 0..1: predictable times useful, as far as one knows what pays.

    width: difference in reward per step, in units of the root mean square of one's own reward, over which
    trust goes from little to much.
    """
    weight, weights = jnp.maximum(company.weight, 1e-8), jnp.maximum(company.weights, 1e-8)
    scale = jnp.sqrt(company.square / weight) + 1e-6
    gain = (company.worth / weights - company.own / weight) / scale
    predictable = jnp.clip(company.skill / weights / PREDICTABLE, 0.0, 1.0)
    return known(company) * predictable * jax.nn.sigmoid(gain / width + LENIENCE)


def known(company: Company) -> Float32[Array, ""]:
    """Share of the variance of one's own rewards that one's idea of them explains, 0..1."""
    weight = jnp.maximum(company.weight, 1e-8)
    variance = company.square / weight - (company.own / weight) ** 2
    return jnp.clip(1 - company.surprise / weight / jnp.maximum(variance, 1e-8), 0.0, 1.0)
