"""Whom to act as: generalised policy improvement over what the behaviour of every source would be worth to
oneself.

argmax_a max_j Q_j(s, a), where Q_j(s, a) = Psi_j(s, a) . w_ego is what acting as source j would pay *me*
(Barreto et al., 2017; Filos et al., 2021). Source 0 is oneself. Two cures for believing in others too much,
and one knob:

- support: Q_j is unconstrained on actions that j never takes, so j may only propose those that it is likely
to take;
- caution: another's value is believed only by a lower bound over an ensemble, so that one follows when even a
  pessimist gains (after variance-aware policy optimisation, arXiv 2410.23726);
- temperature: actions are drawn in proportion to exp(value / temperature).
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

Follow = Literal["gpi", "never", "always"]


class Choice(NamedTuple):
    """action, source: what is done, as whom. values: worth of each source's actions, the mean of the
    ensemble; spread: its standard deviation."""

    action: Int32[Array, "*batch"]
    source: Int32[Array, "*batch"]
    values: Float32[Array, "*batch S A"]
    spread: Float32[Array, "*batch S A"]


def choose(
    values: Float32[Array, "*batch E S A"],
    logits: Float32[Array, "*batch S A"],
    key: Key[Array, ""],
    follow: Follow = "gpi",
    support: float = 0.0,
    caution: float = 0.0,
    temperature: float = 0.0,
    heard: Bool[Array, " S"] | None = None,
) -> Choice:
    """The decision of every row of the batch.

    values: of E members of an ensemble, in reward units. logits: of the policy that each source is believed
    to have.
    follow: gpi asks all sources, never oneself alone, always the others alone (if there are any). support:
    source j >= 1 may propose actions with pi_j(a|s) >= support * max_a pi_j(a|s); 0 is any. caution: standard
    deviations that are taken off others' values. temperature: in reward units; 0 takes the best action, of
    equal sources the first.
    heard: whose proposals count besides one's own; None hears all.
    """
    mean, spread = jnp.mean(values, axis=-3), jnp.std(values, axis=-3)
    believed = jnp.where(_others(logits), mean - caution * spread, mean)
    allowed = jnp.where(proposed(logits, follow, support, heard), believed, -jnp.inf)
    if temperature > 0:
        action = jax.random.categorical(key, jnp.max(allowed, axis=-2) / temperature)
        offers = jnp.take_along_axis(allowed, action[..., None, None], axis=-1)[..., 0]
        source = jnp.argmax(offers, axis=-1)
    else:
        source = jnp.argmax(jnp.max(allowed, axis=-1), axis=-1)
        action = jnp.argmax(
            jnp.take_along_axis(allowed, source[..., None, None], axis=-2)[..., 0, :], axis=-1
        )
    return Choice(action.astype(jnp.int32), source.astype(jnp.int32), mean, spread)


def proposed(
    logits: Float32[Array, "*batch S A"],
    follow: Follow,
    support: float,
    heard: Bool[Array, " S"] | None = None,
) -> Bool[Array, "*batch S A"]:
    """Which source may propose which action."""
    likely = logits >= jnp.max(logits, axis=-1, keepdims=True) + jnp.log(jnp.maximum(support, 1e-38))
    if heard is not None:
        likely &= heard[:, None]
    others = _others(logits)
    if follow == "never":
        return jnp.broadcast_to(~others, logits.shape)
    if follow == "always" and logits.shape[-2] > 1:
        return others & likely
    return ~others | likely


def _others(logits: Float32[Array, "*batch S A"]) -> Array:
    return (jnp.arange(logits.shape[-2]) > 0)[:, None]
