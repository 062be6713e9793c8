"""check_world() and check_coplayer(): whether a world or a co-player of one's own keeps the contract.

    from socialrl_envs.conformance import check_coplayer, check_world
    check_world(MyWorld(config))
    check_coplayer(my_policy, MyWorld(config))

Every rule is a function of its own; what breaks one raises AssertionError that begins with the world's
name and the rule.
"""

from collections.abc import Callable

import jax
from jax import Array
from jaxtyping import Key

from socialrl_envs.conformance.calls import (
    absent_seats_do_not_matter,
    jit_equals_eager,
    mutants_are_levels,
    shapes_and_dtypes,
    traced_anew_the_same,
    vmap_equals_loop,
)
from socialrl_envs.conformance.coplayers import check_coplayer
from socialrl_envs.conformance.playing import (
    Trace,
    as_trace,
    begin,
    demand,
    equal,
    player,
    random_actions,
    trace,
    with_seats,
)
from socialrl_envs.conformance.traces import (
    absent_seats_stay,
    endings,
    finite_numbers,
    level_survives_ascii,
    never_resets_itself,
    no_overlap_when_blocking,
    observations_in_space,
    params_within_bounds,
    pictures_show_the_state,
    reward_is_worth_of_cumulants,
    seats_on_walkable_cells,
)
from socialrl_envs.types import World

__all__ = [
    "CALL_RULES",
    "TRACE_RULES",
    "Trace",
    "absent_seats_do_not_matter",
    "absent_seats_stay",
    "as_trace",
    "begin",
    "check_coplayer",
    "check_world",
    "demand",
    "endings",
    "equal",
    "finite_numbers",
    "jit_equals_eager",
    "level_survives_ascii",
    "mutants_are_levels",
    "never_resets_itself",
    "no_overlap_when_blocking",
    "observations_in_space",
    "params_within_bounds",
    "pictures_show_the_state",
    "player",
    "random_actions",
    "reward_is_worth_of_cumulants",
    "seats_on_walkable_cells",
    "shapes_and_dtypes",
    "trace",
    "traced_anew_the_same",
    "vmap_equals_loop",
    "with_seats",
]

CALL_RULES: tuple[Callable[[World, Array], None], ...] = (
    shapes_and_dtypes,
    traced_anew_the_same,
)
TRACE_RULES: tuple[Callable[[World, Trace], None], ...] = (
    level_survives_ascii,
    observations_in_space,
    seats_on_walkable_cells,
    no_overlap_when_blocking,
    absent_seats_stay,
    never_resets_itself,
    endings,
    finite_numbers,
    reward_is_worth_of_cumulants,
    params_within_bounds,
    pictures_show_the_state,
)


def check_world(
    world: World, key: Key[Array, ""] | None = None, steps: int | None = None, eager: bool = True
) -> None:
    """Checks every rule on levels drawn from the key.

    steps: length of the random trajectory, to past the horizon by default. eager: also compare compiled with
    op-by-op execution, which takes longer than all the rest. Raises AssertionError that names the world and
    the broken rule.
    """
    key = jax.random.key(0) if key is None else key
    play_key, absent_key, mutant_key, *keys = jax.random.split(key, 5 + len(CALL_RULES))
    for rule in CALL_RULES:
        rule(world, keys.pop())
    length: int = world.spec.horizon + 10 if steps is None else steps
    played = trace(world, play_key, length)
    for rule in TRACE_RULES:
        rule(world, played)
    absent_seats_do_not_matter(world, absent_key)
    mutants_are_levels(world, mutant_key)
    vmap_equals_loop(world, keys.pop(), length)
    if eager:
        jit_equals_eager(world, keys.pop())
