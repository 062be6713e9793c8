"""Makes assets/shown_once.gif: a person shows a trained agent the order of five places once, and walks away.

    uv run python assets/make_shown_once.py [AGENT.npz]

A program takes the person's seat in the very session that `socialrl play` runs: it walks as the expert would
until it has been paid at every place and at the first one again, then goes into a corner and stays there. The
agent has never met this level, nor a world in which one expert alone lives.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.geometry import FORWARD
from socialrl.play.cast import cast
from socialrl.play.session import SharedSession
from socialrl.record import replay
from socialrl_envs.coplayers import planner

ASSETS = Path(__file__).parent
AGENT = ASSETS / "agents" / "goal_cycle_5.npz"
SEED, PERSON, STEPS = 3, 1, 100
LEFT, RIGHT, AHEAD = 0, 1, 2


def to_corner(session: SharedSession) -> int:
    """The action that leads the person to the nearest corner, or, once it is there, turns it."""
    row, column = np.asarray(session.state.seats.position[PERSON])
    heading = int(session.state.seats.heading[PERSON])
    size = session.state.level.tiles.shape[0]
    target = np.array([1 if row < size / 2 else size - 2, 1 if column < size / 2 else size - 2])
    away = target - (row, column)
    if not away.any():
        return LEFT
    wanted = [way for way, step in enumerate(FORWARD) if np.dot(step, away) > 0]
    if heading in wanted:
        return AHEAD
    return RIGHT if (heading + 1) % 4 in wanted else LEFT


def main() -> None:
    """Plays, and exports what was played."""
    agent = Path(sys.argv[1]) if len(sys.argv) > 1 else AGENT
    world = cast(None, str(agent), ["--world.experts", "1"])
    session = SharedSession(world, (PERSON,), SEED)
    expert = jax.jit(lambda state, key: planner.act(world.world, state, PERSON, key))
    paid, showing = 0, world.config.goals + 1
    for t in range(STEPS):
        if paid < showing:
            action = int(expert(jax.tree.map(jnp.asarray, session.state), jax.random.key(t)))
        else:
            action = to_corner(session)
        session.step([action])
        paid += session.reward_of(PERSON) > 0 and paid < showing
    print(f"the agent was paid {session.returns(0)[0]:g}, the person {session.returns(PERSON)[0]:g}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "played.npz"
        replay.save(file, session.replay())
        picture = [str(ASSETS / "shown_once.gif"), "--size", "800x500", "--fps", "6"]
        subprocess.run(
            [sys.executable, "-m", "socialrl", "view", str(file), "--export", *picture], check=True
        )


if __name__ == "__main__":
    main()
