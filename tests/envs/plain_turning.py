"""Slow, plain-Python models of seats that turn: moves, goal rules, sight. Nothing here imports the code under
test.
"""

from itertools import permutations

import numpy as np

UP, RIGHT, DOWN, LEFT = range(4)
STEP = {UP: (-1, 0), RIGHT: (0, 1), DOWN: (1, 0), LEFT: (0, -1)}
FLOOR, WALL, GOAL = 0, 1, 10


def walk(before: dict, actions: list, order: tuple | None) -> tuple[list, list, list]:
    """Cells, headings and who went forward; order: who moves first, ..., if seats block one another."""
    tiles, present = before["tiles"], before["present"]
    cells = [tuple(map(int, cell)) for cell in before["position"]]
    headings, went = [int(h) for h in before["heading"]], [False] * len(cells)
    for seat in order if order is not None else range(len(cells)):
        if not present[seat]:
            continue
        if actions[seat] == 0:
            headings[seat] = (headings[seat] - 1) % 4
        elif actions[seat] == 1:
            headings[seat] = (headings[seat] + 1) % 4
        elif actions[seat] == 2:
            dr, dc = STEP[headings[seat]]
            there = (cells[seat][0] + dr, cells[seat][1] + dc)
            inside = 0 <= there[0] < tiles.shape[0] and 0 <= there[1] < tiles.shape[1]
            if not inside or tiles[there] == WALL:
                continue
            if order is not None and any(
                present[k] and k != seat and cells[k] == there for k in range(len(cells))
            ):
                continue
            cells[seat], went[seat] = there, True
    return cells, headings, went


def orders(seats: int, blocking: bool, shuffle: bool) -> list:
    """The orders of moves that the rules allow."""
    if not blocking:
        return [None]
    return list(permutations(range(seats))) if shuffle else [tuple(range(seats))]


def faded(prestige: float, reward: float, beta: float) -> float:
    """Prestige after a step."""
    return 0.0 if reward < 0 else beta * prestige + reward


def cycle_pay(
    goal: int, place: int, *, goals: int, reward: float, penalty: float, initial_reward: bool, reset: bool
):
    """(reward, place, event) of a seat that has stepped forward onto a tile of the cycle."""
    if place == -1:
        return (reward if initial_reward else 0.0), goal, "first"
    if goal == (place + 1) % goals:
        return reward, goal, "right"
    return -abs(penalty), (goal if reset else place), ("same" if goal == place else "wrong")


def events_of(event: str) -> dict[str, list]:
    """event -> right_goal, wrong_goal, first_goal, same_goal."""
    return {"first": [1, 0, 1, 0], "right": [1, 0, 0, 0], "wrong": [0, 1, 0, 0], "same": [0, 1, 0, 1]}[event]


def ground(view: int, cell: tuple, heading: int) -> dict:
    """(row, column) of the view -> cell of the grid; the seat is at the bottom centre and looks up."""
    forward, right = STEP[heading], STEP[(heading + 1) % 4]
    result = {}
    for i in range(view):
        for j in range(view):
            ahead, aside = view - 1 - i, j - view // 2
            result[i, j] = tuple(int(cell[k]) + ahead * forward[k] + aside * right[k] for k in range(2))
    return result


def lit(opaque: dict, view: int) -> set:
    """The cells of a view that are seen: from a seen cell that is not opaque, sight goes on and outwards."""
    seen, queue = set(), [(view - 1, view // 2)]
    while queue:
        i, j = queue.pop()
        if (i, j) in seen or (i, j) not in opaque:
            continue
        seen.add((i, j))
        if opaque[i, j]:
            continue
        outwards = [s for s in (-1, 1) if s * (j - view // 2) >= 0]
        queue += [(i - 1, j)] + [(i, j + s) for s in outwards] + [(i - 1, j + s) for s in outwards]
    return seen


def seen(
    state: dict,
    seat: int,
    *,
    view: int,
    kinds: list,
    occlusion: bool,
    glow: list | None,
    identities: bool = False,
) -> np.ndarray:
    """What a seat sees, uint8 (V, V, C): walls, each of `kinds` (sets of tiles), unseen, others by heading,
    each other, prestige.
    """
    tiles, present = state["tiles"], state["present"]
    cells = ground(view, state["position"][seat], int(state["heading"][seat]))
    by_name = 1 + len(kinds) + occlusion + 4
    channels = by_name + identities * len(present) + (glow is not None)
    picture = np.zeros((view, view, channels), np.uint8)
    if not present[seat]:
        return picture

    def tile(cell):
        inside = 0 <= cell[0] < tiles.shape[0] and 0 <= cell[1] < tiles.shape[1]
        return int(tiles[cell]) if inside else WALL

    visible = lit({at: tile(cell) == WALL for at, cell in cells.items()}, view) if occlusion else set(cells)
    for at, cell in cells.items():
        if at not in visible:
            picture[(*at, 1 + len(kinds))] = 1
            continue
        picture[(*at, 0)] = tile(cell) == WALL
        for k, kind in enumerate(kinds):
            picture[(*at, 1 + k)] = tile(cell) in kind
        for other in range(len(present)):
            if other == seat or not present[other] or tuple(map(int, state["position"][other])) != cell:
                continue
            relative = (int(state["heading"][other]) - int(state["heading"][seat])) % 4
            picture[(*at, 1 + len(kinds) + occlusion + relative)] = 1
            if identities:
                picture[(*at, by_name + other)] = 1
            if glow is not None:
                picture[(*at, channels - 1)] = max(picture[(*at, channels - 1)], glow[other])
    return picture
