"""Co-players that are others in every level, so that nobody is an expert for good: who wants what, who is how
skilled, and which agent of a population acts, is drawn anew.

What a seat wants, its skill, its presence and its partner are parameters of the level; its policy, its name
and its colour stay.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.errors import SocialRLError
from socialrl_envs.roster import Roster
from socialrl_envs.types import Params

Redrawn = Literal["nothing", "order", "preferences", "partners"]
KINDS: tuple[Redrawn, ...] = ("nothing", "order", "preferences", "partners")
OF_SEAT = ("preferences", "skill", "presence")  # parameters that go with a seat that changes its place


def check(kind: str, roster: Roster, params: Params) -> None:
    """Raises SocialRLError if what is to be redrawn does not exist, or cannot change its place."""
    policies = dict.fromkeys(roster.seats[seat].policy for seat in roster.coplayers)
    if kind == "order" and len(policies) > 1:
        raise SocialRLError(
            f"redrawn: 'order' needs co-players of one policy, not {', '.join(policies)}",
            "a noisy co-player of skill 0 is a wanderer, one of skill 1 a planner",
        )
    if kind == "preferences" and "preferences" not in params.named():
        raise SocialRLError("redrawn: this world pays everybody alike", "use 'order', or another world")


def redrawn(params: Params, kind: str, roster: Roster, key: Key[Array, ""]) -> Params:
    """The parameters of a level with other co-players.

    kind: "order": preferences, skill and presence are those of a co-player drawn without replacement;
    "preferences": the preferences are those of a co-player drawn with replacement; "partners": which agent of
    its population acts in each co-player's seat is drawn uniformly. Novices keep theirs.
    """
    if kind == "nothing" or not roster.coplayers:
        return params
    own = params.named()
    if kind == "partners":
        return dataclasses.replace(params, partner=jax.random.uniform(key, (len(roster.seats),)))
    which = _drawn(kind, roster, key)
    names = ("preferences",) if kind == "preferences" else OF_SEAT
    return dataclasses.replace(
        params, **{name: jnp.asarray(own[name])[which] for name in names if name in own}
    )


def _drawn(kind: str, roster: Roster, key: Key[Array, ""]) -> Int32[Array, " N"]:
    """The seat whose parameters each seat gets; novices their own."""
    seats = jnp.array(roster.coplayers, jnp.int32)
    if kind == "order":
        others = jax.random.permutation(key, seats)
    else:
        others = jax.random.choice(key, seats, seats.shape)
    return jnp.arange(len(roster.seats), dtype=jnp.int32).at[seats].set(others)
