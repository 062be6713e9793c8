"""What if another decision had been made? What was asked about a step of a replay, and the answer."""

import dataclasses
from collections.abc import Callable

from socialrl.record.explanation import AHEAD, Explanation, Way


@dataclasses.dataclass(frozen=True)
class Asked:
    """The decision that is asked about: numbers of the replay, the episode, the step, and the novice.

    concept, value: names, what it should have read; "": it is asked what it should have followed or done.
    """

    which: int
    episode: int
    step: int
    novice: int
    concept: str = ""
    value: str = ""


Explain = Callable[[Asked], Explanation]


@dataclasses.dataclass(frozen=True)
class WhatIf:
    """A question and its answer.

    answer: None until it is found. trouble: why there is none. chosen: the number, among the answer's other
    ways, of the one whose paths are shown.
    """

    asked: Asked
    answer: Explanation | None = None
    trouble: str = ""
    chosen: int = 0

    @property
    def open(self) -> bool:
        """Whether it is still to be answered."""
        return self.answer is None and not self.trouble

    def next(self) -> "WhatIf | None":
        """The same with the next other way chosen; None after the last."""
        last = self.answer is None or self.chosen + 1 >= len(self.answer.others)
        return None if last else dataclasses.replace(self, chosen=self.chosen + 1)

    def shown(self, which: int, episode: int, t: int) -> tuple[Way, ...]:
        """The ways whose paths are shown at a state of a replay: the recorded and the chosen one, from the
        step on for as long as the paths are.
        """
        asked, answer = self.asked, self.answer
        near = asked.step <= t <= asked.step + AHEAD
        if answer is None or (asked.which, asked.episode) != (which, episode) or not near:
            return ()
        return answer.recorded, answer.others[self.chosen]
