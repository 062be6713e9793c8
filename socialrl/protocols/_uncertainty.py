"""Whether a novice follows others where it is unsure what to do: its own policy's entropy against whom it
follows.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32

from socialrl.protocols._measures import mean_where

BINS = 5  # equal parts of the uncertainties from 0 to 1


def uncertainty_measures(
    own_logits: Float32[Array, "T B M A"], source: Int32[Array, "T B M"], mask: Bool[Array, "T B M"]
) -> dict[str, Array]:
    """Scalars by name, over the steps in the mask. own_logits: of the novice's own policy, up to a constant.

    uncertain: mean uncertainty, H(own policy) / log A, which is 0 for one sure action and 1 for a uniform
    policy. uncertain_gain: its mean on steps on which a co-player is followed, less that on the others, above
    0 for a novice that follows when it is unsure. uncertain_at/<bin>: the share of steps whose uncertainty is
    in that fifth. followed_at/<bin>: of these, the share on which a co-player is followed.
    """
    log_p = jax.nn.log_softmax(own_logits)
    uncertain = -jnp.sum(jnp.exp(log_p) * log_p, axis=-1) / np.float32(np.log(own_logits.shape[-1]))
    follows = source > 0
    result = {
        "uncertain": mean_where(uncertain, mask),
        "uncertain_gain": mean_where(uncertain, mask & follows) - mean_where(uncertain, mask & ~follows),
    }
    which = jnp.clip((uncertain * BINS).astype(jnp.int32), 0, BINS - 1)
    for number in range(BINS):
        here = which == number
        result[f"uncertain_at/{number}"] = mean_where(here, mask)
        result[f"followed_at/{number}"] = mean_where(follows, mask & here)
    return result
