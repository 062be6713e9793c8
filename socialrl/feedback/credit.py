"""To which steps a mark is credited, that comes some time after what it is about.

The delay has a gamma distribution of shape 2 and scale 0.28 s, which TAMER takes for Tetris (Knox and Stone,
2009, Interactively shaping agents via human reinforcement, K-CAP). A step gets the probability that the delay
ends while the step was shown.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32

from socialrl.feedback.teachers import Marks

SCALE = 0.28  # seconds, of the delay; its mean is twice that
STEPS = 16  # that are credited of episodes that a synthetic person watches
SMALLEST = 1e-9


def credited(ages: Float32[np.ndarray | Array, "*batch steps"]) -> Float32[Array, "*batch steps"]:
    """The shares, of sum 1, in which a mark is credited to the steps before it.

    ages: seconds since each of them was shown, descending. A step was shown until the next one was, the last
    one until the mark; of several at once the last one was shown. What was before the first one is left out.
    """
    passed = jnp.asarray(ages) / SCALE
    below = 1 - (1 + passed) * jnp.exp(-passed)  # the distribution function
    share = below - jnp.concatenate([below[..., 1:], jnp.zeros_like(below[..., :1])], axis=-1)
    total = jnp.sum(share, axis=-1, keepdims=True)
    last = (jnp.arange(share.shape[-1]) == share.shape[-1] - 1).astype(jnp.float32)
    return jnp.where(total > SMALLEST, share / jnp.maximum(total, SMALLEST), last)


def credited_sums(
    cumulants: Float32[Array, "T B K"], given: Marks, fps: float
) -> tuple[Float32[Array, "T B K"], Float32[Array, "T B"]]:
    """(sums, moments): of the mark of each step (T, B), the cumulants that it is credited to, and the second
    at which it is given.

    cumulants: of episodes that are watched one after the other, at `fps` steps per second. given: the marks
    of each step, leaves (T, B).
    """
    time, worlds = cumulants.shape[:2]
    moment = jnp.arange(time, dtype=jnp.float32)[:, None] / fps + given.delay
    last = jnp.clip(jnp.floor(moment * fps + 1e-4).astype(jnp.int32), 0, time - 1)
    back = jnp.arange(STEPS - 1, -1, -1, dtype=jnp.int32)
    steps = jnp.maximum(last[..., None] - back, 0)  # before the first one that one again, which gets nothing
    share = credited(moment[..., None] - steps.astype(jnp.float32) / fps)
    taken = cumulants[steps, jnp.arange(worlds)[None, :, None]]
    sums = jnp.einsum("tbl,tblk->tbk", share, taken)
    return sums, moment + jnp.arange(worlds, dtype=jnp.float32) * (2 * time / fps)
