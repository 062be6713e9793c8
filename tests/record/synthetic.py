"""Made-up replays: agents that wander over a drawn level, and a novice that follows one or another for a
while.
"""

import dataclasses
from typing import Any

import numpy as np

from socialrl.record.replay import Replay
from socialrl_envs import grid
from socialrl_envs.concepts import binary, categorical, cell
from socialrl_envs.picture import seat_colours
from socialrl_envs.visibility import ViewSpec

AGENTS = ("novice_0", "expert_0", "expert_1", "wanderer_0")
MAZE = """
###########
#....#....#
#.r..#..g.#
#....#....#
#..b....r.#
###.##.####
#....#..b.#
#.g..#....#
#.......r.#
#..b.#.g..#
###########
"""


def _tiles(text: str) -> np.ndarray:
    return np.array([[grid.TILE_OF_CHAR[c] for c in row] for row in text.split()], np.uint8)


def _walk(
    rng: np.random.Generator, solid: np.ndarray, seats: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (steps + 1, seats, 2) and actions (steps, seats) of walkers that like to go straight on."""
    free = np.argwhere(~solid)
    position = np.zeros((steps + 1, seats, 2), np.uint8)
    action = np.zeros((steps, seats), np.int8)
    moves = np.array((*grid.DELTAS, (0, 0)))
    now, going = free[rng.choice(len(free), seats, replace=False)], rng.integers(4, size=seats)
    position[0] = now
    for t in range(steps):
        for seat in range(seats):
            ways = [a for a in range(4) if not solid[tuple(now[seat] + moves[a])]]
            if going[seat] not in ways or rng.random() < 0.15:
                going[seat] = rng.choice(ways)
            now[seat] = now[seat] + moves[going[seat]]
        position[t + 1], action[t] = now, going
    return position, action


def _follow(rng: np.random.Generator, steps: int, sources: int) -> np.ndarray:
    """A source for every step, kept for a while."""
    change = rng.random(steps) < 0.12
    change[0] = True
    chosen = rng.choice(sources, size=int(change.sum()), p=[0.4] + [0.6 / (sources - 1)] * (sources - 1))
    return chosen[np.cumsum(change) - 1].astype(np.int8)


def make_replay(steps: tuple[int, ...] = (40, 25), seed: int = 0, novices: int = 1, **changes: Any) -> Replay:
    """A replay with episodes of these lengths; `changes` override its fields. The same arguments give the
    same replay.
    """
    rng = np.random.default_rng(seed)
    tiles, seats, episodes, longest = _tiles(MAZE), len(AGENTS), len(steps), max(steps)
    sources = ("self", *AGENTS[novices:])
    fields: dict[str, Any] = {
        "tiles": np.zeros((episodes, longest + 1, *tiles.shape), np.uint8),
        "position": np.zeros((episodes, longest + 1, seats, 2), np.uint8),
        "heading": np.zeros((episodes, longest + 1, seats), np.uint8),
        "present": np.zeros((episodes, longest + 1, seats), bool),
        "action": np.zeros((episodes, longest, seats), np.int8),
        "reward": np.zeros((episodes, longest, seats), np.float32),
        "terminated": np.zeros((episodes, longest), bool),
        "truncated": np.zeros((episodes, longest), bool),
        "source": np.zeros((episodes, longest, novices), np.int8),
        "values": np.full((episodes, longest, novices, len(sources), 5), np.nan, np.float32),
        "influence": np.full((episodes, longest, novices), np.nan, np.float32),
    }
    for e, length in enumerate(steps):
        position, action = _walk(rng, tiles == grid.WALL, seats, length)
        fields["tiles"][e, : length + 1] = tiles
        fields["position"][e, : length + 1], fields["action"][e, :length] = position, action
        fields["present"][e, : length + 1] = True
        fields["present"][e, length // 2 : length * 3 // 4, 2] = False
        fields["reward"][e, :length] = rng.choice([0, 1, -1], size=(length, seats), p=[0.8, 0.14, 0.06])
        fields["truncated"][e, length - 1] = True
        for m in range(novices):
            fields["source"][e, :length, m] = source = _follow(rng, length, len(sources))
            values = rng.normal(2.0, 0.4, (length, len(sources), 5)).astype(np.float32)
            values[np.arange(length), source, action[:, m]] = values.max(axis=(1, 2)) + 0.2
            fields["values"][e, :length, m] = values
    facts: dict[str, Any] = {
        "world": {"name": "coin_grid", "size": 11, "observation": "partial", "view": 7},
        "agents": ("novice_0", *(f"novice_{i}" for i in range(1, novices)), *AGENTS[novices:]),
        "novices": tuple(range(novices)),
        "sources": sources,
        "source_seats": (None, *range(novices, seats)),
        "actions": grid.CARDINAL_MOVES,
        "cumulants": ("red", "green", "blue"),
        "channels": ("wall", "red", "green", "blue", "others"),
        "obs_shape": (7, 7, 5),
        "preferences": ((1.0, 1.0, -1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (0.0, 0.0, 0.0))[:seats],
        "experiment": "coin_grid",
        "arm": "psiphi",
        "seed": seed,
        "step": 500_000,
        "versions": {"socialrl": "0.1.0"},
        "value_unit": "reward",
        "movement": "cardinal",
        "view": ViewSpec(kind="partial", size=7),
        "colours": seat_colours(seats),
        "length": np.array(steps, np.int32),
    }
    return Replay(**(facts | fields | changes))


def make_policy_replay(steps: tuple[int, ...] = (40, 25), seed: int = 0, **changes: Any) -> Replay:
    """The same of a novice whose only source is its own policy, with logits, its influence and its
    predictions.
    """
    rng = np.random.default_rng(seed + 1)
    replay = make_replay(steps, seed)
    episodes, longest = replay.action.shape[:2]
    time = np.arange(longest, dtype=np.float32)
    observed = (rng.random((episodes, longest, 1, *replay.obs_shape)) < 0.15).astype(np.uint8) * np.uint8(255)
    fields: dict[str, Any] = {
        "arm": "sociapl",
        "sources": ("self",),
        "source_seats": (None,),
        "source": np.zeros_like(replay.source),
        "values": rng.normal(0.0, 1.5, (episodes, longest, 1, 1, 5)).astype(np.float32),
        "value_unit": "logit",
        "influence": np.broadcast_to(
            np.exp(-(((time - 15) / 6) ** 2)).astype(np.float32)[:, None], (episodes, longest, 1)
        ),
        "observed": observed,
        "prediction": np.clip(observed * 0.7 + rng.random(observed.shape) * 60, 0, 255).astype(np.uint8),
    }
    return dataclasses.replace(replay, **(fields | changes))


CONCEPTS = (
    binary("danger", "whether there is danger"),
    cell("goal", "where the goal is", turning=False),
    categorical("goes", "where another goes", ("a", "b", "c")),
)


def with_concepts(replay: Replay, seed: int = 0) -> Replay:
    """The replay of a novice that reads concepts, some of them wrong."""
    rng, longest = np.random.default_rng(seed), max(len(one.values) for one in CONCEPTS)
    shape = replay.source.shape
    read = np.zeros((*shape, len(CONCEPTS), longest), np.uint8)
    truth = np.zeros((*shape, len(CONCEPTS)), np.int16)
    for number, concept in enumerate(CONCEPTS):
        count = len(concept.values)
        read[..., number, :count] = np.rint(255 * rng.dirichlet(np.full(count, 0.2), size=shape))
        truth[..., number] = rng.integers(count, size=shape)
    return dataclasses.replace(replay, concepts=CONCEPTS, concept_read=read, concept_truth=truth)
