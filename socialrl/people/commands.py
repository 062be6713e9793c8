"""The command `study`: a sitting in the window, scripted participants, the schedule, and the report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from socialrl.people import log
from socialrl.people.log import Trial
from socialrl.people.measuring import analyse
from socialrl.people.plan import read_plan
from socialrl.people.sitting import Sitting, cast_of
from socialrl.people.synthetic import Participant
from socialrl_envs.errors import SocialRLError

MOST = 9999  # participants


def take_part(
    file: Path, data: Path, participant: int, group: str, show: Callable[[Sitting], None] | None = None
) -> Path:
    """Lets a participant take part, or go on, in a window until it is closed; returns the data file.

    show: shows the sitting; None opens the window.
    """
    _check_participant(participant)
    _check_group(group)
    plan = read_plan(file)
    print(f"{plan.name}: compiling, then the window opens ...", flush=True)
    with Sitting(plan, cast_of(plan), data, participant, group) as sitting:
        sitting.session.prepare()
        (show or _window)(sitting)
        if not sitting.done:
            print("not finished; the same command goes on from here")
        return sitting.file


def simulate(file: Path, data: Path, kind: str, numbers: Sequence[int], noise: float, group: str) -> None:
    """Lets scripted participants of a kind take part, one per number."""
    plan = read_plan(file)
    cast = cast_of(plan)
    _check_group(group)
    for number in tqdm(numbers, desc=group, unit=" participants", dynamic_ncols=True):
        _check_participant(number)
        scripted = Participant(plan, cast, kind, noise, number)
        with Sitting(plan, cast, data, number, group) as sitting:
            if sitting.session.steps:
                raise SocialRLError(f"{sitting.file}: exists already", "choose other --participants")
            scripted.sit(sitting)


def report(file: Path, data: Path, beside: Sequence[Path], out: Path | None) -> Path:
    """Measures all participants, writes the page of them, alone or beside runs, and returns its path."""
    from socialrl.report import write_report  # it imports matplotlib

    people = analyse(read_plan(file), data)
    return write_report([people, *beside], out or people / "report.html")


def schedule(file: Path, participants: int) -> str:
    """What a study file says, as text: its parts, and the conditions in the order of each participant."""
    plan = read_plan(file)
    rows = [f"{plan.name}: {plan.question}".strip(": "), ""]
    for number, part in enumerate(plan.parts, start=1):
        rounds = len(part.seeds)
        kind = "practice" if part.practice else "test"
        order = ", balanced order" if part.balanced and len(part.conditions) > 1 else ""
        told = f'page "{part.page}"' + (" (consent)" if part.consent else "")
        played = f"{kind}: {rounds} episodes of {', '.join(part.conditions)}{order}"
        rows.append(f"{number}. {told if part.page else played}")
    rows.append("")
    for participant in range(1, participants + 1):
        trials = [one for one in log.agenda(plan, participant) if isinstance(one, Trial) and one.test]
        rows.append(f"participant {participant}: {' '.join(trial.condition for trial in trials)}")
    return "\n".join(rows)


def _window(sitting: Sitting) -> None:
    from socialrl.people.window import run

    run(sitting)


def _check_participant(number: int) -> None:
    if not 1 <= number <= MOST:
        raise SocialRLError(f"--participant: {number}", f"it must be from 1 to {MOST}")


def _check_group(group: str) -> None:
    if not group or not group.replace("_", "a").replace("-", "a").isalnum() or len(group) > 40:
        raise SocialRLError(f"--group: {group[:80]!r}", "letters, digits, _ and -")
