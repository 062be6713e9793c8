"""A room: the seats of a session that are people's, who sits there, and when a step is due. No network.

Without a rate each step waits until everybody on the grid has pressed a key. With one, time passes by itself,
and who holds no key does nothing; in a world where no action does nothing, time waits for them. It stands
still while a seat is empty or its connection is lost.
"""

import dataclasses
import secrets
import time
from collections.abc import Callable

from socialrl.play.moves import idle
from socialrl.play.session import SharedSession
from socialrl.play.web.messages import Refused
from socialrl_envs.errors import nearest
from socialrl_envs.sprites import Real

GRACE = 60.0  # seconds for which a seat is kept for a connection that was lost


@dataclasses.dataclass(kw_only=True)
class Person:
    """Who sits on a seat. key: a secret of the browser that took it, "" while it is free.

    lost: when the connection was lost, None while there is one. chosen: the action for the next step. held:
    actions whose keys are down, the latest last. wants: "next" or "end", or both.
    """

    seat: int
    key: str = ""
    lost: float | None = None
    chosen: int | None = None
    held: list[int] = dataclasses.field(default_factory=list)
    wants: set[str] = dataclasses.field(default_factory=set)

    @property
    def here(self) -> bool:
        """Whether somebody sits here, and is connected."""
        return bool(self.key) and self.lost is None


class Room:
    """The people's seats of a session. fps: steps per second, None waits for keys. clock: seconds. marking:
    whether what a trained agent does can be marked as good or bad, if one acts.
    """

    def __init__(
        self,
        session: SharedSession,
        fps: Real | None = None,
        clock: Callable[[], float] = time.monotonic,
        marking: bool = False,
    ):
        self.session, self.fps, self.clock = session, fps, clock
        self.marking = marking and session.explains
        self.people = {session.spec.agents[seat]: Person(seat=seat) for seat in session.seats}
        self.idle = idle(session.spec.actions)
        self.over = False
        self._due = clock()

    def sit(self, name: str, key: str) -> str:
        """Takes a seat and returns its key. key: that of an earlier connection, "" for none.

        Raises Refused for an unknown seat, and for one that is somebody else's.
        """
        person = self.people.get(name)
        if person is None:
            raise Refused(f"there is no seat {name!r} for a person ({nearest(name, self.people)})")
        again = bool(person.key) and secrets.compare_digest(person.key.encode(), key.encode())
        if not again and not self.is_free(name):
            lost = " It is kept for a minute for the browser that was there." if not person.here else ""
            raise Refused(f"{name} is taken by another browser.{lost}")
        if not again:
            self.people[name] = person = Person(seat=person.seat, key=secrets.token_urlsafe(16))
        person.lost, person.held = None, []
        return person.key

    def is_free(self, name: str) -> bool:
        """Whether anybody may take this seat."""
        person = self.people[name]
        return not person.key or (person.lost is not None and self.clock() - person.lost > GRACE)

    def lose(self, name: str) -> None:
        """Notes that the connection of a seat was lost."""
        person = self.people[name]
        person.lost, person.held, person.chosen = self.clock(), [], None
        person.wants.clear()

    def leave(self, name: str) -> None:
        """Frees a seat."""
        self.people[name] = Person(seat=self.people[name].seat)

    def press(self, name: str, action: int) -> None:
        """Notes that a key of this action is down."""
        person = self.people[name]
        if not self.session.ended:
            person.chosen = action
        person.held = [*(one for one in person.held if one != action), action]

    def release(self, name: str, action: int) -> None:
        """Notes that the keys of this action are up."""
        person = self.people[name]
        person.held = [one for one in person.held if one != action]

    def mark(self, name: str, good: bool) -> None:
        """Notes that a person finds what the agent just did good, or bad; Refused where that is not kept."""
        if not self.marking:
            raise Refused("nothing is kept of marks: they are of a trained agent (--with), and need --record")
        self.session.mark(good, name)

    def want(self, name: str, what: str) -> None:
        """Notes that a person asks for the next episode or the end, which come when all who are here ask."""
        self.people[name].wants.add(what)
        here = [person for person in self.people.values() if person.here]
        if not all(what in person.wants for person in here):
            return
        if what == "end":
            self.over = True
            return
        self.session.begin()
        self._due = self.clock() + (1 / self.fps if self.fps else 0)
        for person in self.people.values():
            person.chosen, person.held = None, []
            person.wants.clear()

    def wanting(self, what: str) -> list[str]:
        """Who asks for the next episode, or for the end."""
        return [name for name, person in self.people.items() if what in person.wants]

    def waits_for(self, you: str) -> str:
        """What has to happen before time passes, in words for the person on the seat `you`; "" if nothing."""
        for name, person in self.people.items():
            if not person.key:
                return f"waiting for somebody to take {name}"
            if person.lost is not None:
                return f"waiting for {name} to come back"
        if self.session.ended:
            return ""
        names = [name for name in self._needed() if self.people[name].chosen is None]
        if you in names:
            return "your move" if len(self.people) > 1 else ""
        return f"waiting for {', '.join(names)} to move" if names else ""

    def due(self) -> tuple[int, ...] | None:
        """The people's actions if a step is due now, in the order of the session's seats, else None."""
        people = list(self.people.values())
        if self.over or self.session.ended or not all(person.here for person in people):
            return None
        if self.fps is not None and self.clock() < self._due:
            return None
        if any(self.people[name].chosen is None for name in self._needed()):
            return None
        found = tuple(self._action(person) for person in people)
        for person in people:
            person.chosen = None
        if self.fps is not None:
            self._due = max(self._due + 1 / self.fps, self.clock())
        return found

    def _needed(self) -> list[str]:
        """Whose keys the next step waits for: all people on the grid, or all if none of them is there."""
        if self.fps is not None and self.idle is not None:
            return []
        there = [name for name, one in self.people.items() if self.session.is_present(one.seat)]
        names = there or list(self.people)
        return [name for name in names if self.fps is None or not self.people[name].held]

    def _action(self, person: Person) -> int:
        if self.fps is not None and person.held:
            return person.held[-1]
        return person.chosen if person.chosen is not None else self.idle or 0
