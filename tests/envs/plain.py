"""Slow, plain-Python models that the fast code is held against. Nothing here imports the code under test but
its constants.
"""

from collections import deque
from itertools import permutations
from typing import Any

import numpy as np

from socialrl_envs import grid

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1), (0, 0))


def chi_square(counts: Any, expected: Any = None) -> float:
    """The chance of counts at least this uneven, if all are equally likely (or as `expected`)."""
    from scipy.stats import chisquare

    return float(chisquare(counts, expected).pvalue)


def bfs(targets: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """Steps from every cell to the nearest target, H * W where none can be reached."""
    steps = np.full(solid.shape, solid.size)
    queue = deque((int(r), int(c)) for r, c in np.argwhere(targets & ~solid))
    for cell in queue:
        steps[cell] = 0
    while queue:
        r, c = queue.popleft()
        for dr, dc in MOVES[:4]:
            there = (r + dr, c + dc)
            inside = 0 <= there[0] < solid.shape[0] and 0 <= there[1] < solid.shape[1]
            if inside and not solid[there] and steps[there] > steps[r, c] + 1:
                steps[there] = steps[r, c] + 1
                queue.append(there)
    return steps


def connected(floor: np.ndarray) -> bool:
    """Whether one can walk from any floor cell to any other."""
    cells = np.argwhere(floor)
    if len(cells) == 0:
        return True
    start = np.zeros_like(floor)
    start[tuple(cells[0])] = True
    return bool((bfs(start, ~floor)[floor] < floor.size).all())


def moved(position: list, actions: list, solid: np.ndarray, present: list, order: tuple | None) -> list:
    """Where everybody stands after a step; order: who moves first, ..., if seats block one another."""
    now = [tuple(map(int, cell)) for cell in position]
    for seat in order if order is not None else range(len(now)):
        dr, dc = MOVES[actions[seat]]
        there = (now[seat][0] + dr, now[seat][1] + dc)
        inside = 0 <= there[0] < solid.shape[0] and 0 <= there[1] < solid.shape[1]
        if not present[seat] or not inside or solid[there]:
            continue
        if order is not None and any(present[i] and i != seat and now[i] == there for i in range(len(now))):
            continue
        now[seat] = there
    return now


def explain_step(
    before: dict, actions: list, after: dict, outcome: dict, *, blocking: bool, respawn: bool, colours: int
) -> str:
    """ "" if some order of the seats explains this step by the rules of coin_grid, else what is wrong."""
    tiles, present = before["tiles"], before["present"]
    solid = tiles == grid.WALL
    reasons = set()
    for order in permutations(range(len(present))):
        cells = moved(before["position"], actions, solid, present, order if blocking else None)
        if cells != [tuple(map(int, cell)) for cell in after["position"]]:
            reasons.add("no order of moves leads to these positions")
            continue
        events, left = np.zeros((len(present), colours)), tiles.copy()
        for seat in order:  # whoever is first in the order takes the coin
            if present[seat] and left[cells[seat]] >= grid.COIN:
                events[seat, left[cells[seat]] - grid.COIN] = 1
                left[cells[seat]] = grid.FLOOR
        if not np.array_equal(events, outcome["cumulants"]):
            said = outcome["cumulants"].tolist()
            reasons.add(f"cumulants {said}, the rules say {events.tolist()} for one order")
            continue
        wrong = _coins_came_back(left, after["tiles"], cells, present, events, respawn)
        if not wrong:
            return ""
        reasons.add(wrong)
    return "; ".join(sorted(reasons))


def _coins_came_back(
    left: np.ndarray, after: np.ndarray, cells: list, present: list, events: np.ndarray, respawn: bool
) -> str:
    changed = [tuple(map(int, cell)) for cell in np.argwhere(left != after)]
    if not respawn:
        return f"tiles changed at {changed}" if changed else ""
    for cell in changed:
        if left[cell] != grid.FLOOR:
            return f"something was replaced at {cell}"
        if any(present[i] and cells[i] == cell for i in range(len(cells))):
            return f"a coin came back under a seat at {cell}"
    came = sorted(int(after[cell]) - grid.COIN for cell in changed)
    went = sorted(int(k) for k in np.argwhere(events)[:, 1])
    return "" if came == went else f"coins {went} were taken, {came} came back"


def seen(state: dict, seat: int, *, kind: str, view: int, colours: int, identities: bool) -> np.ndarray:
    """What a seat of coin_grid sees: uint8 (V, V, C)."""
    tiles, position, present = state["tiles"], state["position"], state["present"]
    height, width = tiles.shape
    if kind == "grid":
        top, left, side = 0, 0, height
    else:
        side = 2 * (height - 2) - 1 if kind == "window" else view
        top, left = int(position[seat][0]) - side // 2, int(position[seat][1]) - side // 2
    others = len(present) if identities else 1
    picture = np.zeros((side, side, 1 + colours + others + (kind == "grid")), np.uint8)
    if not present[seat]:
        return picture
    for r in range(side):
        for c in range(side):
            y, x = top + r, left + c
            if not (0 <= y < height and 0 <= x < width) or tiles[y, x] == grid.WALL:
                picture[r, c, 0] = 1
            elif tiles[y, x] >= grid.COIN:
                picture[r, c, 1 + tiles[y, x] - grid.COIN] = 1
    for other in np.flatnonzero(present):
        r, c = int(position[other][0]) - top, int(position[other][1]) - left
        if other == seat and kind == "grid":
            picture[r, c, -1] = 1
        elif other != seat and 0 <= r < side and 0 <= c < side:
            picture[r, c, 1 + colours + (other if identities else 0)] = 1
    return picture
