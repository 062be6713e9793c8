"""The suite: six worlds, six companies, and levels that follow from a salt.

What is here is fixed. A change that changes a number makes a new VERSION, whose results are not compared with
those of another one.
"""

import hashlib
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.coplayers import anti_expert, planner, wanderer
from socialrl_envs.types import CoPlayer, Seat, State, World, WorldSpec
from socialrl_envs.worlds import (
    cleanup_office,
    coin_grid,
    flooded_road,
    goal_cycle,
    goal_search,
    goal_sequence,
)

VERSION = 1
PUBLIC = "public"  # the salt of whoever has no secret one
LIKES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
WORLDS: dict[str, Any] = {  # configs by name
    "coin_grid": coin_grid.Config(
        novices=(Seat(preferences=(1.0, 1.0, -1.0)),),
        experts=tuple(Seat(policy="noisy", skill=0.95, preferences=likes) for likes in LIKES),
    ),
    "goal_cycle": goal_cycle.Config(size=9, layout="open", horizon=100),
    "goal_search": goal_search.Config(size=9, horizon=100),
    "goal_sequence": goal_sequence.Config(),
    "flooded_road": flooded_road.Config(),
    "cleanup_office": cleanup_office.Config(),
}
COMPANIES = ("good", "mixed", "useless", "opposed", "hostile", "turning")
BAD = ("useless", "opposed", "hostile", "turning")  # companies that must not harm
CONDITIONS = {  # name -> (company, schedule of its presence)
    "alone": ("good", "never"),
    "good": ("good", "always"),
    "half": ("good", "first_half"),
    **{company: (company, "always") for company in COMPANIES[1:]},
}
MEMORY = ("goal_cycle", "goal_search", "goal_sequence")  # what others showed is hidden again when they leave
NEW_WANTS = {"coin_grid": (-1.0, -1.0, 1.0)}  # preferences of the novice in the question on new wants
SHOTS = 10  # episodes under the new wants before they are tested
TRAINING = (("always", 0.4), ("never", 0.2), ("leaves", 0.2), ("comes_and_goes", 0.2))  # presence in training
STEPS, SEEDS, EPISODES = 1_000_000, 5, 128  # of the full suite


def root(salt: str, world: str) -> Key[Array, ""]:
    """The key that all levels of a world follow from; without the salt it cannot be known."""
    digest = hashlib.sha256(f"never worse than alone/{VERSION}/{world}/{salt}".encode()).digest()
    return jax.random.fold_in(
        jax.random.key(int.from_bytes(digest[:4], "big")), int.from_bytes(digest[4:8], "big")
    )


def fingerprint(salt: str) -> str:
    """A digest of a salt, by which results of one salt are known without telling it."""
    return hashlib.sha256(f"salt/{VERSION}/{salt}".encode()).hexdigest()[:16]


def stand_ins(spec: WorldSpec, company: Int32[Array, ""]) -> dict[str, CoPlayer]:
    """Policies by name of the co-player, of the company of this number in COMPANIES."""

    def one(number: int) -> CoPlayer:
        policies = [policy_of(company, number) for company in COMPANIES]

        def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
            branches = [
                partial(lambda policy, key: policy(world, state, seat, key), policy) for policy in policies
            ]
            return jax.lax.switch(company, branches, key)

        return act

    return {spec.agents[seat]: one(number) for number, seat in enumerate(spec.coplayers)}


def policy_of(company: str, number: int) -> CoPlayer:
    """The policy of the co-player of this number in a company.

    good: planners who want what the novice wants. mixed: one of these, one who is hostile, and others that
    wander. useless: random actions. hostile: they go to what costs the novice most. opposed: the same in half
    of their steps, random actions in the others. turning: good until the middle of the episode, then hostile.
    """
    mixed: tuple[CoPlayer, ...] = (planner.act, anti_expert.act, wanderer.act)
    return {
        "good": planner.act,
        "mixed": mixed[min(number, 2)],
        "useless": wanderer.act,
        "opposed": _opposed,
        "hostile": anti_expert.act,
        "turning": _turning,
    }[company]


def _opposed(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    slip_key, against_key, random_key = jax.random.split(key, 3)
    against = anti_expert.act(world, state, seat, against_key)
    return jnp.where(jax.random.bernoulli(slip_key), wanderer.act(world, state, seat, random_key), against)


def _turning(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    with_key, against_key = jax.random.split(key)
    early = 2 * state.time < world.spec.horizon
    return jnp.where(
        early, planner.act(world, state, seat, with_key), anti_expert.act(world, state, seat, against_key)
    )
