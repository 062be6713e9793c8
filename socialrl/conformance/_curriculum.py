"""The rules of a curriculum, one function each."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.conformance._compare import alike, expect, expect_finite, expect_same_shapes, same
from socialrl.curricula import Choice, Chooser, Curriculum, Draw, Results
from socialrl.types import Metrics
from socialrl_envs.struct import replace
from socialrl_envs.types import Level, World

WORLDS, STEPS, ROUNDS = 4, 6, 3  # of a chooser that is checked
QUICK = {"xla_backend_optimization_level": 0}  # to be compiled quickly rather than run quickly


def overrides_fit_the_world(curriculum: Curriculum, world: World) -> None:
    """`overrides` gives parameters that the world's levels have, with their shapes, and levels can be drawn
    with them.
    """
    state = curriculum.init()
    found = curriculum.overrides(state, jnp.int32(0), jax.random.key(0))
    for name, value in found.items():
        assert name in world.params.named(), f"the levels of {world.spec.name} have no parameter {name}"
        shape = np.shape(world.params.named()[name])
        assert jnp.shape(value) == shape, f"{name} is {jnp.shape(value)}, not {shape}"
        assert np.all(np.isfinite(value)), f"{name} is {value}"
    usual, drawn = (jax.eval_shape(world.sample_level, jax.random.key(1), given) for given in (None, found))
    assert jax.tree.structure(usual) == jax.tree.structure(drawn), "the structure of the level changes"


def overrides_are_pure(curriculum: Curriculum, world: World) -> None:
    """`overrides` gives one result for one key, and under vmap what it gives key by key."""
    state, keys = curriculum.init(), jax.random.split(jax.random.key(2), 3)

    def draw(key: Key[Array, ""]) -> PyTree:
        return curriculum.overrides(state, jnp.int32(10), key)

    one, again = (jax.jit(lambda keys: jax.vmap(draw)(keys))(jax.random.clone(keys)) for _ in range(2))
    assert same(one, again), "overrides gives two results for one key"
    alone = draw(jax.random.clone(keys)[1])
    for name, value in alone.items():
        assert alike(value, one[name][1]), f"{name} under vmap is not that of its key alone"


def update_keeps_the_state(curriculum: Curriculum, world: World) -> None:
    """`update` can be traced, keeps the structure, shapes and dtypes of the state, and reports finite
    scalars.
    """

    def measure(draw: Draw, key: Key[Array, ""]) -> Float32[Array, " N"]:
        level_key, return_key = jax.random.split(key)
        world.sample_level(level_key, draw(jax.random.clone(level_key)))
        return jax.random.uniform(return_key, (len(world.spec.seats),))

    state = curriculum.init()
    update = jax.jit(lambda state, key: curriculum.update(state, measure, key))
    for number in range(3):
        after, metrics = update(state, jax.random.fold_in(jax.random.key(3), number))
        expect_same_shapes(state, after, "state")
        expect_finite(metrics)
        state = after
    overrides_fit_the_world(curriculum._replace(init=lambda: state), world)


def choices_are_levels(curriculum: Curriculum, world: World) -> None:
    """A chooser gives as many levels as there are worlds, ready and shaped as the world draws them, the same
    for the same key; those that train can be solved, and all train unless it `withholds`. Its `prepare` and
    `learn` keep the structure, shapes and dtypes of the state, and report finite scalars; its shelf has one
    score and one count for each level.
    """
    chooser = curriculum.chooser
    if chooser is None:
        return
    drawn = jax.eval_shape(world.sample_level, jax.random.key(0))
    expected = jax.tree.map(lambda x: jax.ShapeDtypeStruct((WORLDS, *x.shape), x.dtype), drawn)
    round_of = _rounds(chooser, world)
    init = jax.jit(lambda key: chooser.init(key, STEPS, WORLDS), compiler_options=QUICK)
    first = state = init(jax.random.key(4))
    one, again = (round_of(state, jax.random.key(5)) for _ in range(2))
    assert same(one, again), "a round gives two results for one key"
    for number in range(ROUNDS):
        state, choice, solvable, metrics = round_of(state, jax.random.fold_in(jax.random.key(6), number))
        expect_same_shapes(first, state, "state")
        expect_finite(metrics)
        expect_same_shapes(expected, choice.levels, "levels")
        expect(choice.trains, (WORLDS,), jnp.bool_, "trains")
        assert chooser.withholds or np.all(choice.trains), "a level does not train, and withholds is False"
        bad = np.flatnonzero(np.asarray(choice.trains) & ~np.asarray(solvable))
        assert chooser.withholds or not bad.size, f"levels {bad.tolist()} train and cannot be solved"
    if chooser.shelf is not None:
        shelf = chooser.shelf(state)
        count = shelf.levels.tiles.shape[0]
        expect(shelf.score, (count,), jnp.float32, "score")
        expect(shelf.replayed, (count,), jnp.int32, "replayed")


def _rounds(
    chooser: Chooser, world: World
) -> Callable[[PyTree, Key[Array, ""]], tuple[PyTree, Choice, Array, Metrics]]:
    """(state, key) -> (state after a round with results drawn at random, its choice, which of its levels can
    be solved, metrics), compiled.
    """

    def play(levels: Level, key: Key[Array, ""]) -> Results:
        return _results(levels.tiles.shape[0], key)

    def one(state: PyTree, key: Key[Array, ""]) -> tuple[PyTree, Choice, Array, Metrics]:
        prepare_key, choose_key, results_key, learn_key = jax.random.split(key, 4)
        state, prepared = chooser.prepare(state, play, prepare_key)
        choice = chooser.choose(state, choose_key, WORLDS)
        solvable = jax.vmap(world.solvable)(choice.levels)
        own_key, rival_key = jax.random.split(results_key)
        results = _results(WORLDS, own_key)
        if chooser.rival:
            results = replace(results, rival=_results(WORLDS, rival_key))
        state, metrics = chooser.learn(state, choice, results, learn_key)
        return state, choice, solvable, prepared | metrics

    return jax.jit(one, compiler_options=QUICK)


def _results(count: int, key: Key[Array, ""]) -> Results:
    """Results of so many levels, drawn at random."""
    returns_key, best_key, values_key = jax.random.split(key, 3)
    ones = jnp.ones(count, jnp.float32)
    returns = jax.random.uniform(returns_key, (count,))
    return Results(
        steps=STEPS * ones,
        episodes=2 * ones,
        solved=jnp.round(2 * returns),
        returns=2 * returns,
        discounted=2 * returns,
        best=jax.random.uniform(best_key, (count,)),
        values=jax.random.uniform(values_key, (count,)),
        gains=returns,
        solvable=jnp.ones(count, bool),
    )


CURRICULUM_RULES: tuple[Callable[[Curriculum, World], None], ...] = (
    overrides_fit_the_world,
    overrides_are_pure,
    update_keeps_the_state,
    choices_are_levels,
)
