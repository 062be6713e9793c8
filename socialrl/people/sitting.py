"""A sitting: the way of one participant through a study, step by step, written as it goes. No window.

The data file is the only state. A sitting that was interrupted, also amid an episode, is computed anew from
it, as the seed of a trial and the participant's actions determine the episode.
"""

import datetime
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import jax.numpy as jnp

from socialrl.passive import passive_learner
from socialrl.people import log
from socialrl.people.log import Done, Trial
from socialrl.people.plan import Plan
from socialrl.play.cast import Cast
from socialrl.play.session import Session
from socialrl.record import lock
from socialrl.record.atomic import make_folder
from socialrl.record.labels import PRESENCES
from socialrl.record.metrics import Records
from socialrl.types import Overrides
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES

CLOSE = 1e-4  # by which a recorded reward may differ from the one that is computed anew


def cast_of(plan: Plan) -> Cast:
    """The world of a study and who acts in it, besides the participant."""
    world = plan.world.build()
    learner = passive_learner(world.spec)
    return Cast(world=world, config=plan.world, learner=learner, learner_state=(), companies=plan.companies)


def overrides_of(plan: Plan, cast: Cast, condition: str) -> Overrides:
    """The parameters of the level under a condition, by name; the same names under every condition."""
    here, seat = plan.conditions[condition], cast.spec.agents.index(plan.seat)
    schedule = jnp.array(SCHEDULES[PRESENCES[here.presence]], jnp.float32)
    others = jnp.array(cast.spec.coplayers, jnp.int32)
    presence = cast.overrides(seat)["presence"].at[others].set(schedule)
    usual = cast.world.params.named()
    named = sorted({name for one in plan.conditions.values() for name in one.level})
    level = {name: jnp.float32(here.level.get(name, usual[name])) for name in named}
    return {"presence": presence} | level


def begin(session: Session, plan: Plan, trial: Trial) -> None:
    """Begins the episode of a trial."""
    company = plan.conditions[trial.condition].company
    session.begin(trial.seed, overrides_of(plan, session.cast, trial.condition), company)


def replayed(plan: Plan, cast: Cast, trials: Iterable[Done], where: str) -> Session:
    """A session whose episodes are these trials, computed anew.

    where: the data file, for errors. Raises SocialRLError if an action is none of the world's, or if a
    recorded reward is not the one that the world gives.
    """
    session = Session(cast, cast.spec.agents.index(plan.seat), 0)
    for done in trials:
        begin(session, plan, done.trial)
        for t, (action, reward) in enumerate(zip(done.actions, done.rewards, strict=True)):
            place = f"{where}: trial {done.trial.number}, step {t}"
            if not 0 <= action < len(cast.spec.actions):
                raise SocialRLError(f"{place}: action {action}", f"the world has {len(cast.spec.actions)}")
            if session.ended:
                raise SocialRLError(f"{place}: after the end of the episode")
            session.act(action)
            if abs(session.reward - reward) > CLOSE:
                raise SocialRLError(
                    f"{place}: the recorded reward is {reward:g}, the world gives {session.reward:g}",
                    "the file was changed, or is of another version of the world",
                )
        if done.ended and not session.ended:
            raise SocialRLError(f"{where}: trial {done.trial.number} is recorded as over, and it is not")
    return session


class Sitting:
    """A participant's way through a study; the context manager holds the participant's folder.

    folder: of the data of all participants. participant: their number, from 1, which determines the order of
    the conditions. group: of participants that are shown as one arm.

    Raises SocialRLError if somebody is at it, or if the data file is none of this study and participant.
    """

    def __init__(self, plan: Plan, cast: Cast, folder: Path, participant: int, group: str = "people"):
        self.plan, self.cast, self.participant = plan, cast, participant
        self.todo = log.agenda(plan, participant)
        self.file = log.file_of(folder, participant)
        make_folder(self.file.parent)
        lock.take(self.file.parent)
        try:
            self._open(group)
        except BaseException:
            self.close()
            raise

    def _open(self, group: str) -> None:
        """Goes to where the data file ends; begins one if there is none."""
        self.records = Records(self.file)
        if not self.records.records():
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self.records.append(log.header(self.plan, self.participant, group, now))
        data = log.read(self.file, self.plan)
        if data.participant != self.participant:
            raise SocialRLError(f"{self.file}: of participant {data.participant}", "files keep their names")
        self.group, self.refused = data.group, data.refused
        self.session = replayed(self.plan, self.cast, data.trials, str(self.file))
        self.place = len(data.pages) + sum(done.ended for done in data.trials)
        self.going = bool(data.trials) and not data.trials[-1].ended  # amid a trial
        self.over = False  # whether the trial's end is still shown
        self.resumed = self.going  # whether the next reaction time is not to be measured
        self.finished = data.finished
        if self.going and self.session.ended:  # it was stopped between the last step and the trial's end
            self._end()
            self.go_on()
        else:
            self._enter()

    @property
    def page(self) -> int | None:
        """The number of the part whose page is shown; None if none is."""
        now = None if self.done else self.todo[self.place]
        return now if isinstance(now, int) else None

    @property
    def trial(self) -> Trial | None:
        """The trial that is played, or whose end is shown."""
        now = None if self.done else self.todo[self.place]
        return now if isinstance(now, Trial) else None

    @property
    def done(self) -> bool:
        """Whether there is nothing more to do."""
        return self.refused or self.place >= len(self.todo)

    def leave_page(self, seconds: float, agreed: bool = True) -> None:
        """The participant has read the page that is shown, and agrees or does not."""
        if self.page is None:
            return
        self.records.append(
            {"kind": "page", "part": self.page, "seconds": round(seconds, 2), "agreed": agreed}
        )
        self.refused = not agreed
        self.place += 1
        self._enter()

    def act(self, action: int, seconds: float) -> None:
        """The participant does this, after so many seconds. Nothing while no trial is going."""
        trial = self.trial
        if trial is None or self.over:
            return
        t = self.session.t
        self.session.act(action)
        known = None if self.resumed else round(seconds, 2)
        told = {"t": t, "action": action, "seconds": known, "reward": self.session.reward}
        self.records.append({"kind": "step", **told})
        self.resumed = False
        if self.session.ended:
            self._end()

    def _end(self) -> None:
        """Records the end of the trial, which is shown until `go_on`."""
        trial = self.trial
        assert trial is not None
        self.over, self.going = True, False
        score = {"return": self.session.score, "steps": self.session.t}
        self.records.append({"kind": "end", "trial": trial.number, **score})

    def go_on(self) -> None:
        """Leaves the end of a trial."""
        if self.over:
            self.over = False
            self.place += 1
            self._enter()

    def _enter(self) -> None:
        """Begins what is next: a trial, or the end of the study."""
        trial = self.trial
        if trial is not None and not self.going:
            begin(self.session, self.plan, trial)
            self.going = True
            told = {"part": trial.part, "condition": trial.condition, "seed": trial.seed}
            self.records.append({"kind": "begin", "trial": trial.number, **told})
        if self.done and not self.refused and not self.finished:
            self.records.append({"kind": "done"})
            self.finished = True

    @property
    def progress(self) -> tuple[int, int]:
        """(number of the trial among those of its kind, from 1; how many there are)."""
        trial = self.trial
        alike = [one for one in self.todo if isinstance(one, Trial) and trial and one.test == trial.test]
        return (alike.index(trial) + 1 if trial else 0), len(alike)

    def close(self) -> None:
        """Leaves the folder to others."""
        lock.release(self.file.parent)

    def __enter__(self) -> "Sitting":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
