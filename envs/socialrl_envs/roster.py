"""Who lives in a world: the seats of a config in order, and their names."""

import dataclasses
import re
from collections import Counter

from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import require
from socialrl_envs.registry import check_coplayer_name, title_of
from socialrl_envs.types import Seat

COLOUR = re.compile("#[0-9a-fA-F]{6}")


@dataclasses.dataclass(frozen=True)
class Roster:
    """seats: in order, novices, experts, other co-players. agents: novice_0, expert_0, antiexpert_0, ..."""

    seats: tuple[Seat, ...]
    agents: tuple[str, ...]

    @property
    def novices(self) -> tuple[int, ...]:
        """Indices of the seats that learn."""
        return tuple(i for i, seat in enumerate(self.seats) if seat.role == "novice")

    @property
    def coplayers(self) -> tuple[int, ...]:
        """Indices of the seats that do not learn."""
        return tuple(i for i, seat in enumerate(self.seats) if seat.role == "coplayer")


def make_roster(
    novices: int | tuple[Seat, ...], experts: int | tuple[Seat, ...], coplayers: tuple[Seat, ...]
) -> Roster:
    """The roster of these groups, each a number of default seats or the seats. Raises SocialRLError for wrong
    seats.
    """
    first = (Seat(),) * novices if isinstance(novices, int) else novices
    second = (Seat(policy="planner"),) * experts if isinstance(experts, int) else experts
    if not first + second + coplayers:
        raise SocialRLError(
            "novices, experts, coplayers: nobody lives in this world", "give at least one seat"
        )
    titled = [("novice", seat) for seat in first] + [("expert", seat) for seat in second]
    titled += [(title_of(seat.policy), seat) for seat in coplayers]
    counts: Counter[str] = Counter()
    agents = []
    for title, seat in titled:
        agents.append(f"{title}_{counts[title]}")
        counts[title] += 1
        _check(title, agents[-1], seat)
    return Roster(tuple(seat for _, seat in titled), tuple(agents))


def _check(title: str, agent: str, seat: Seat) -> None:
    if seat.policy != "learner":
        check_coplayer_name(seat.policy, f"co-player ({title})")
    if (title == "novice") != (seat.policy == "learner"):
        raise SocialRLError(
            f"{title}s: a seat with policy {seat.policy!r}", "novices learn, the others are co-players"
        )
    if seat.colour is not None:
        require(bool(COLOUR.fullmatch(seat.colour)), f"{agent}.colour", seat.colour, "#rrggbb")


def preferences_of(roster: Roster, defaults: list[tuple[float, ...]], each: str) -> list[tuple[float, ...]]:
    """What each cumulant is worth to every seat: its own preferences, else the default of the seat.

    each: what one number is about, for the error. Raises SocialRLError for a wrong number of numbers.
    """
    table = []
    for agent, seat, default in zip(roster.agents, roster.seats, defaults, strict=True):
        given = default if seat.preferences is None else seat.preferences
        if len(given) != len(default):
            raise SocialRLError(
                f"{agent}.preferences: {given} has {len(given)} numbers",
                f"give one per {each}, {len(default)}",
            )
        table.append(tuple(float(w) for w in given))
    return table


def without_preferences(roster: Roster, world: str) -> None:
    """Raises SocialRLError if a seat has preferences in a world that pays everybody alike."""
    for agent, seat in zip(roster.agents, roster.seats, strict=True):
        if seat.preferences is not None:
            raise SocialRLError(f"{agent}.preferences: {world} pays everybody alike", "leave them out")
