"""Orders of conditions, counterbalanced over participants."""


def balanced_square(size: int) -> list[list[int]]:
    """Orders of `size` conditions: over all rows each stands equally often at each place, and follows each
    other one equally often.

    There are `size` rows if that is even, else twice as many (Williams 1949). Row after row is for
    participant after participant.
    """
    first = [0]
    for step in range(1, size):
        first.append((first[-1] + (step if step % 2 else -step)) % size)
    rows = [[(place + row) % size for place in first] for row in range(size)]
    return rows if size % 2 == 0 else [*rows, *(row[::-1] for row in rows)] if size > 1 else rows


def order_of(conditions: tuple[str, ...], participant: int, rounds: int, balanced: bool) -> list[str]:
    """The conditions of a participant's episodes, round after round. participant: their number, from 1.

    Each round takes the next row of the square, so that within a participant, too, no place is one
    condition's own.
    """
    rows = balanced_square(len(conditions)) if balanced else [list(range(len(conditions)))]
    chosen = [rows[(participant - 1 + number) % len(rows)] for number in range(rounds)]
    return [conditions[place] for row in chosen for place in row]
