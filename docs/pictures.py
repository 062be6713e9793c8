"""Draws the pictures of the concepts page with the renderer and the viewer.

    python docs/pictures.py                        seats, levels, presence, and the levels drawn by hand
    python docs/pictures.py runs/coin_grid/001     also a decision, from a replay of this run

The pictures are written into docs/concepts/ and are committed.
"""

import sys
from pathlib import Path

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image

import socialrl_envs
from socialrl_envs import State, World, ascii_levels, render

OUT = Path(__file__).parent / "concepts"
LEVELS = Path(__file__).parents[1] / "assets" / "levels"
CELL, SMALL, GAP = 22, 12, 12  # pixels of a cell, of a cell on a sheet, and between two pictures
Pixels = UInt8[np.ndarray, "h w 3"]


def main(runs: list[str]) -> None:
    """Writes all pictures for which there is a source."""
    save("seat", row(seat_views()))
    save("level", row(layout_views(("open", "cluttered", "four_rooms", "maze"))))
    save("presence", row(presence_views((0, 12, 23, 24))))
    save("held_out", sheet(hand_drawn_views(), 5))
    for run in runs[:1]:
        decision_view(run)


def seat_views() -> list[Pixels]:
    """A state of goal_cycle as it is, and what each of two seats sees of it."""
    world = socialrl_envs.make("goal_cycle", novices=1, experts=2, layout="cluttered")
    state = start(world, seed=1)
    return [render.draw_state(world, state, CELL, seat=seat) for seat in (None, 0, 1)]


def layout_views(layouts: tuple[str, ...]) -> list[Pixels]:
    """One level of each layout."""
    worlds = [socialrl_envs.make("goal_search", size=11, layout=layout) for layout in layouts]
    return [render.draw_state(world, start(world, seed=3), CELL) for world in worlds]


def presence_views(steps: tuple[int, ...]) -> list[Pixels]:
    """An episode of 48 steps at these steps; the experts are present for its first half."""
    experts = tuple(socialrl_envs.Seat(policy="planner", presence="first_half") for _ in range(2))
    world = socialrl_envs.make("coin_grid", novices=1, experts=experts, horizon=48)
    host, step = jax.jit(socialrl_envs.host(world)), jax.jit(world.step)
    state, pictures = start(world, seed=2), []
    for time in range(max(steps) + 1):
        if time in steps:
            pictures.append(render.draw_state(world, state, CELL))
        host_key, step_key = jax.random.split(jax.random.fold_in(jax.random.key(4), time))
        state, _ = step(state, host(state, host_key), step_key)
    return pictures


def hand_drawn_views() -> list[Pixels]:
    """The levels of assets/levels, by name, with all goals and seats."""
    found = []
    for path in sorted(LEVELS.glob("*.txt")):
        tiles, position, heading, _ = ascii_levels.parse(path.read_text(encoding="utf-8"))
        present = np.ones(len(position), bool)
        picture = render.Picture(tiles=tiles, position=position, heading=heading, present=present)
        found.append(render.draw(picture, SMALL))
    return found


def decision_view(run: str) -> None:
    """The viewer's picture of the first recorded step at which the novice follows a co-player."""
    from socialrl import viewer
    from socialrl.record.replay import load

    paths = sorted((Path(run) / "replays").glob("psiphi*.npz"))
    found = [
        (path, e, np.argwhere(replay.during("source", e) > 0))
        for path in paths
        for replay in [load(path)]
        for e in range(replay.episodes)
    ]
    path, episode, followed = next((case for case in found if len(case[2])), found[0])
    step = int(followed[0][0]) if len(followed) else 0
    viewer.export(path, OUT / "decision.png", episode=episode, step=step, size=(1000, 640))


def start(world: World, seed: int) -> State:
    """The first state of an episode on a level of this seed."""
    level_key, reset_key = jax.random.split(jax.random.key(seed))
    return jax.jit(world.reset)(jax.jit(world.sample_level)(level_key), reset_key)


def row(pictures: list[Pixels]) -> Pixels:
    """Pictures of one height beside each other on white."""
    gap = np.full((len(pictures[0]), GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)


def sheet(pictures: list[Pixels], columns: int) -> Pixels:
    """Pictures of one size in rows of so many."""
    rows = [row(pictures[i : i + columns]) for i in range(0, len(pictures), columns)]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    parts = [part for one in rows for part in (one, gap)]
    return np.concatenate(parts[:-1])


def save(name: str, pixels: Pixels) -> None:
    """Writes docs/concepts/NAME.png."""
    OUT.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(OUT / f"{name}.png", optimize=True)
    print(OUT / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
