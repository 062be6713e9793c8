"""How the preferences of co-players relate to a novice's: the kinds of sources in `following`."""

from collections import Counter

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32

from socialrl.protocols._overrides import has_preferences, parameter
from socialrl.protocols._whom import PLANNERS, cosines
from socialrl_envs.types import State, World

ROUNDING = 1e-5  # of cosines in float32


def kinds(world: World) -> dict[str, Bool[np.ndarray, "M S"]]:
    """Kind of source, "self" first -> which source (S, self first) of which novice is of that kind."""
    novices, coplayers = world.spec.novices, world.spec.coplayers
    table = np.array([["self", *(relation(world, novice, seat) for seat in coplayers)] for novice in novices])
    return {str(kind): table == kind for kind in dict.fromkeys(table.flatten().tolist())}


def kinds_now(world: World, states: State) -> dict[str, Bool[Array, "*batch M S"]]:
    """The same in these states, whose levels may have other preferences than the world. The kinds are those
    of the world, so that they are the same in all states.
    """
    novices = len(world.spec.novices)
    shape = (*states.seats.present.shape[:-1], novices, 1 + len(world.spec.coplayers))
    usual = {kind: jnp.broadcast_to(mask, shape) for kind, mask in kinds(world).items()}
    if not has_preferences(world) or not world.spec.coplayers:
        return usual
    plans = np.array([False, *(world.spec.seats[seat].policy in PLANNERS for seat in world.spec.coplayers)])
    cosine = cosines(jnp.asarray(states.level.params.named()["preferences"]), world.spec)
    cosine = jnp.concatenate([jnp.zeros_like(cosine[..., :1]), cosine], axis=-1)
    bounds = {
        "equal": cosine >= 1 - ROUNDING,
        "overlapping": (cosine > ROUNDING) & (cosine < 1 - ROUNDING),
        "unrelated": jnp.abs(cosine) <= ROUNDING,
        "opposite": cosine < -ROUNDING,
    }
    return {
        kind: jnp.where(plans, jnp.broadcast_to(bounds[kind], shape), mask) if kind in bounds else mask
        for kind, mask in usual.items()
    }


def relation(world: World, novice: int, seat: int) -> str:
    """The kind of the co-player in a seat, as a source of this novice: for planners in worlds with
    preferences how the two preferences relate, see `agreement`; else the name of its policy."""
    policy = world.spec.seats[seat].policy
    if policy not in PLANNERS or not has_preferences(world):
        return policy
    own, other = parameter(world, "preferences")[[novice, seat]]
    return agreement(own, other)


def agreement(own: Float32[np.ndarray, " K"], other: Float32[np.ndarray, " K"]) -> str:
    """equal, overlapping, unrelated or opposite: the cosine of two preferences is 1, positive, 0, or
    negative.
    """
    dot, lengths = float(own @ other), float(np.linalg.norm(own) * np.linalg.norm(other))
    if abs(dot) <= 1e-6 * lengths:
        return "unrelated"
    if dot >= (1 - 1e-6) * lengths:
        return "equal"
    return "overlapping" if dot > 0 else "opposite"


def company_of(world: World) -> str:
    """The co-players by kind, as sources of the first novice, e.g. "2 equal, 1 wanderer"; "nobody" if there
    is none.
    """
    first = world.spec.novices[0]
    counts = Counter(relation(world, first, seat) for seat in world.spec.coplayers)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nobody"
