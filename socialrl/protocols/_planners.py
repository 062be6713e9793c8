"""What planners and co-players would do in the novices' seats: the standard that `following` measures
against.
"""

import copy
import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key, PyTree

from socialrl.types import Decision, Learner, Timestep
from socialrl_envs import registry
from socialrl_envs.coplayers import planner
from socialrl_envs.types import Outcome, State, World, WorldSpec


def with_planners(world: World) -> World:
    """The world, except that planners with the novices' preferences choose the novices' actions."""

    def step(state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        novices = world.spec.novices
        step_key, plan_key = jax.random.split(key)
        for seat, seat_key in zip(novices, jax.random.split(plan_key, len(novices)), strict=True):
            actions = actions.at[seat].set(planner.act(world, state, seat, seat_key))
        return world.step(state, actions, step_key)

    planned = copy.copy(world)
    vars(planned)["step"] = step
    return planned


def idle_learner(spec: WorldSpec) -> Learner:
    """A learner without state that always chooses action 0."""

    def act(
        state: PyTree, carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, PyTree]:
        batch = timestep.prev_action.shape
        zeros, values = jnp.zeros(batch, jnp.int32), jnp.zeros((*batch, 1, len(spec.actions)), jnp.float32)
        influence = jnp.zeros(batch, jnp.float32)
        return Decision(action=zeros, source=zeros, values=values, influence=influence), carry

    return Learner(init=lambda *_: (), act=act, update=lambda state, *_: (state, {}), memory=lambda *_: ())


def best_actions(world: World, state: State) -> Bool[Array, "M A"]:
    """Whether a planner with each novice's preferences values an action most, ties within planner.TIE
    included.
    """

    def of(seat: int) -> Bool[Array, " A"]:
        values, _ = planner.worths(world, state, world.appeal(state)[seat], seat)
        highest = jnp.max(values)
        return values >= highest - planner.TIE * jnp.abs(highest)

    return jnp.stack([of(seat) for seat in world.spec.novices])


def coplayers_in_place(world: World, state: State, key: Key[Array, ""]) -> Int32[Array, "M P"]:
    """The action of each of the P co-players' policies, with its seat moved to the cell of each novice."""
    novices, coplayers = world.spec.novices, world.spec.coplayers
    if not coplayers:
        return jnp.zeros((len(novices), 0), jnp.int32)

    def of(novice: int, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
        position = state.position.at[seat].set(state.position[novice])
        heading = state.heading.at[seat].set(state.heading[novice])
        moved = dataclasses.replace(state, position=position, heading=heading)
        return registry.coplayer(world.spec.seats[seat].policy).act(world, moved, seat, key)

    keys = jax.random.split(key, (len(novices), len(coplayers)))
    return jnp.stack(
        [
            jnp.stack([of(novice, seat, keys[i, k]) for k, seat in enumerate(coplayers)])
            for i, novice in enumerate(novices)
        ]
    )
