"""Generalised policy improvement over sources of behaviour: which one to act as, and how.

The choice is argmax_a max_j Q_j(s, a), where Q_j(s, a) = Psi_j(s, a) . w_ego is the value to the novice of
acting as source j (Barreto et al., 2017; Filos et al., 2021); source 0 is the novice itself. Two safeguards
against over-estimated values of others, and one degree of freedom:

- support: Q_j is unconstrained at actions that j never takes, so j may only propose actions that it is likely
  to take;
- lower confidence bound: another's value is the mean of an ensemble minus a multiple of its standard
  deviation (after
  variance-aware policy optimisation, arXiv 2410.23726);
- temperature: actions are drawn in proportion to exp(value / temperature).
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

Following = Literal["gpi", "never", "always"]


class Choice(NamedTuple):
    """The action and the source that it is taken from; the mean (`values`) and the standard deviation
    (`spread`) over the ensemble of the value of each source's actions.
    """

    action: Int32[Array, "*batch"]
    source: Int32[Array, "*batch"]
    values: Float32[Array, "*batch S A"]
    spread: Float32[Array, "*batch S A"]


def choose(
    values: Float32[Array, "*batch E S A"],
    logits: Float32[Array, "*batch S A"],
    key: Key[Array, ""],
    following: Following = "gpi",
    support: float = 0.0,
    lower_confidence_coef: float = 0.0,
    temperature: float = 0.0,
    trusted: Bool[Array, " S"] | None = None,
    only: Int32[Array, "*batch"] | None = None,
) -> Choice:
    """The Choice by generalised policy improvement.

    values: by each member of an ensemble, in reward units. logits: of the policy attributed to each source.
    following: "gpi" compares all sources, "never" uses the novice's own values, "always" those of the others
    (if there are any). support: source j >= 1 may propose actions with pi_j(a|s) >= support * max_a
    pi_j(a|s); 0 allows all. lower_confidence_coef: standard deviations subtracted from others' values.
    temperature: in reward units; 0 takes the best action, and of equally good sources the first. trusted:
    which sources may propose actions; None: all. only: the one source that proposes actions, whatever
    `following` and `trusted` say of it.
    """
    if only is not None:
        following, trusted = "gpi", None
    mean, spread = jnp.mean(values, axis=-3), jnp.std(values, axis=-3)
    bounded = jnp.where(_others(logits), mean - lower_confidence_coef * spread, mean)
    allowed = jnp.where(proposed(logits, following, support, trusted), bounded, -jnp.inf)
    if only is not None:
        chosen = jnp.arange(logits.shape[-2])[:, None] == only[..., None, None]
        allowed = jnp.where(chosen, allowed, -jnp.inf)
    if temperature > 0:
        action = jax.random.categorical(key, jnp.max(allowed, axis=-2) / temperature)
        offers = jnp.take_along_axis(allowed, action[..., None, None], axis=-1)[..., 0]
        source = jnp.argmax(offers, axis=-1)
    else:
        source = jnp.argmax(jnp.max(allowed, axis=-1), axis=-1)
        offers = jnp.take_along_axis(allowed, source[..., None, None], axis=-2)[..., 0, :]
        action = jnp.argmax(offers, axis=-1)
    return Choice(action.astype(jnp.int32), source.astype(jnp.int32), mean, spread)


def proposed(
    logits: Float32[Array, "*batch S A"],
    following: Following,
    support: float,
    trusted: Bool[Array, " S"] | None = None,
) -> Bool[Array, "*batch S A"]:
    """Which source may propose which action; arguments as in `choose`."""
    likely = logits >= jnp.max(logits, axis=-1, keepdims=True) + jnp.log(jnp.maximum(support, 1e-38))
    if trusted is not None:
        likely &= trusted[:, None]
    others = _others(logits)
    if following == "never":
        return jnp.broadcast_to(~others, logits.shape)
    if following == "always" and logits.shape[-2] > 1:
        return others & likely
    return ~others | likely


def _others(logits: Float32[Array, "*batch S A"]) -> Bool[Array, "S 1"]:
    """True for every source but the first."""
    return (jnp.arange(logits.shape[-2]) > 0)[:, None]
