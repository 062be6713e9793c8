"""What the sources of selective learn from: every novice's own map, where there are several."""

import jax.numpy as jnp
import numpy as np

from socialrl.learners import selective
from socialrl.learners._selective import Selective
from socialrl.learners._selective_state import SelectiveExtras
from socialrl.types import Demonstration, Experience, Timestep, Transition, decision_of
from socialrl_envs.worlds import goal_search

CONFIG = selective.Config(hidden=(8,), gate_hidden=(8,), memory="none", sources=("emulation",))
NORTH = 0


def step_of(spec, shape, obs):
    """Transitions of nobody in particular that saw this."""
    none, off = jnp.zeros(shape, jnp.int32), jnp.zeros(shape, bool)
    seen = Timestep(obs=obs, prev_action=none, prev_reward=jnp.zeros(shape, jnp.float32), first=off)
    return Transition(
        timestep=seen,
        action=none,
        reward=jnp.zeros(shape, jnp.float32),
        next_obs=obs,
        terminated=off,
        truncated=off,
    )


def experience_of(learner, position):
    """One step in one world: two experts, looking north, step onto a goal; two novices look on."""
    spec, memory = learner.spec, learner.memory
    view, forward = spec.obs_shape[0], spec.actions.index("forward")
    two, zeros = (1, 1, 2), jnp.zeros((1, 1, 2, *spec.obs_shape), jnp.uint8)
    ahead = zeros.at[..., view - 2, view // 2, spec.channels.index("goal")].set(1)
    on, none = jnp.ones(two, bool), jnp.zeros(two, jnp.int32)
    others = Demonstration(
        obs=ahead,
        action=jnp.full(two, forward, jnp.int32),
        next_obs=zeros,
        discount=jnp.ones(two, jnp.float32),
        last=~on,
        present=on,
    )
    count = learner.count
    extras = SelectiveExtras(
        logits=jnp.zeros((*two, len(spec.actions)), jnp.float32),
        gate=jnp.zeros((*two, count), jnp.float32),
        asked=on,
        available=jnp.ones((*two, count), bool),
        confidence=jnp.zeros((*two, count - 1), jnp.float32),
        code=jnp.zeros((*two, memory.cells), jnp.int32) + jnp.arange(2)[:, None],
        time=none,
        heading=none,
        behaviour=None,
        recommended=jnp.ones((*two, count), bool),
    )
    return Experience(
        own=step_of(spec, two, zeros),
        others=others,
        carry=(),
        decision=decision_of(none, jnp.zeros((*two, count, len(spec.actions)), jnp.float32)),
        extras=extras,
        relative_positions=jnp.zeros((*two, 2, 2), jnp.float32),
        positions=jnp.asarray(position, jnp.int32)[None, None],
        headings=jnp.full((1, 1, 4), NORTH, jnp.int32),
    )


def test_every_novice_learns_where_the_one_nearest_to_it_went():
    """On its own map: the experts at (3, 2) and (6, 5) step north; the first novice stands two cells below
    the one, the second a cell to the right of the other.
    """
    learner = Selective(CONFIG, goal_search.Config(size=9, novices=2, experts=2).build().spec)
    lesson = learner.lesson(experience_of(learner, [(5, 2), (6, 6), (3, 2), (6, 5)]))
    radius, side = learner.memory.radius, learner.memory.size
    middle = radius * side + radius
    assert lesson.target_known.all()
    assert lesson.target.tolist() == [[middle - 3 * side, middle - side - 1]]
    np.testing.assert_array_equal(lesson.sight.code[0, :, 0], [0, 1])  # each its own
    assert lesson.goal.tolist() == [[[middle - side] * 2]]  # both had it a cell ahead
