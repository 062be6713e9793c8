"""Claims: what a report checks of an experiment's arms."""

import dataclasses
from typing import Any, Literal

from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option

SOURCES = ("paper", "aim", "ours")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim(Options):
    """A statement that the report checks.

    It says that in a measure `arm` is above `over`, or above `value`.
    """

    text: str = option(help="the statement")
    source: Literal["paper", "aim", "ours"] = option(
        help="paper: a publication says so, and the measure and its settings are its own; aim: what a "
        "learner should reach; ours: our question, or a publication's with another measure or setting",
        choices=SOURCES,
    )
    paper: str = option("", "the publication that makes the statement, or that suggested it")
    arm: str = option(help="the arm that it is about")
    over: str | None = option(
        None, 'the arm that it is compared with, or "expert": co-players that stay throughout; None: `value`'
    )
    value: float = option(0.0, "the number that it is compared with where `over` is None")
    times: float = option(1.0, "factor of the other side, e.g. 0.9 of the expert's")
    below: bool = option(False, "the claim is that `arm` is below the other side")
    measure: str = option(
        "return",
        "a measure of the evaluation; auc: the return's mean over the learning curve; ct: cultural "
        "transmission, of the social protocol; steps_to_half: environment steps until the return is first "
        "half of a planner's, of the protocol regret; timed: the return after as many seconds of training "
        "as the quickest arm in this world took for all of it",
    )
    at: float = option(
        1.0, "share of training after which it is measured, by the nearest evaluation", above=0, high=1
    )
    labels: tuple[tuple[str, str], ...] = option(
        (),
        "(label, value) pairs that pick a condition of the social protocol, or of the protocol that "
        '("protocol", kind) names; none picks the final evaluation; values are text: ("episodes", "1")',
    )
    over_labels: tuple[tuple[str, str], ...] = option(
        (), "labels of the other side, where they differ from `labels`"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source == "paper" and not self.paper:
            raise SocialRLError(f"claim {self.text!r}: no paper", "name the publication: paper='...'")
        if self.over_labels and not self.labels:
            raise SocialRLError(
                f"claim {self.text!r}: labels of the other side alone", "give `labels` of a protocol, too"
            )
        if self.at < 1 and self.labels:
            raise SocialRLError(
                f"claim {self.text!r}: labels of a protocol, at {self.at:g} of training",
                "protocols run at its end: leave out `at`",
            )

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that the claim compares."""
        return (self.arm,) if self.over in (None, "expert") else (self.arm, self.over)


def with_sources(claims: object) -> Any:
    """Claims as JSON values in today's form: one whose source is a publication, as runs before the rules of
    evidence recorded it, becomes "ours", with that publication as its paper.
    """

    def renewed(claim: object) -> Any:
        if not isinstance(claim, dict) or not isinstance(claim.get("source"), str):
            return claim
        return claim if claim["source"] in SOURCES else claim | {"source": "ours", "paper": claim["source"]}

    return [renewed(claim) for claim in claims] if isinstance(claims, list) else claims
