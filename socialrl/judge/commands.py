"""What `socialrl judge` does: a sitting in a window or of a synthetic person, and what the answers and marks
say.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from socialrl.coerce import build
from socialrl.feedback import marks
from socialrl.feedback.agreement import agreement
from socialrl.feedback.clips import Clip, Library
from socialrl.feedback.comparisons import PREFERRED, Answer, AnswerFile, latest, read
from socialrl.feedback.teachers import ANSWERS, Marker, Teacher
from socialrl.judge.session import Question, Session, compared, inferred, spread
from socialrl.record.answers import Answers, write_answers
from socialrl.record.folder import read_config, versions
from socialrl.record.replay import Replay
from socialrl.viewer import files
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.safe_json import read_json
from socialrl_envs.sprites import Real

FILE, JUDGED = "comparisons.jsonl", "judged"  # in a run folder: answers, and replays of arms in training
SYNTHETIC = {  # teachers by name; each takes further settings
    "boltzmann": Teacher(),
    "myopic": Teacher(discount=0.7),
    "noisy": Teacher(noise=0.2),
    "tired": Teacher(tiring=0.005),
    "inverted": Teacher(inverted=True),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sitting:
    """What is asked. paths: replays, or run folders. labels: the file of answers; None takes that of the run.
    marks: files of marks that count besides.

    arms: whose clips; all if empty. length: steps of a clip. count: questions. by: how clips are chosen.
    seed: of random choices. skip_bad: whether lines of the file that are no answers are left out.
    """

    paths: tuple[Path, ...]
    labels: Path | None = None
    marks: tuple[Path, ...] = ()
    annotator: str = "me"
    arms: tuple[str, ...] = ()
    length: int = 12
    count: int = 50
    by: str = "disagreement"
    seed: int = 0
    skip_bad: bool = False


def sit(
    sitting: Sitting, teacher: str | None = None, wants: Sequence[float] | None = None, fps: Real = 4
) -> None:
    """Asks in a window, or a synthetic teacher in a person's place, and prints what the answers say.

    teacher: see `find_teacher`. wants: its preferences over cumulants; None takes the true rewards.
    """
    synthetic = None if teacher is None else find_teacher(teacher)
    refresh(sitting)
    file, library = opened(sitting), find(sitting)
    clips = library.clips(sitting.length)
    features = cumulants(library, clips) if sitting.by == "disagreement" or wants is not None else None
    session = Session(
        library,
        clips,
        file,
        sitting.annotator,
        sitting.count,
        features if sitting.by == "disagreement" else None,
        sitting.seed,
    )
    gone(library, file.answers, file.path)
    if synthetic is None:
        from socialrl.judge.window import run  # needs a screen

        run(session, fps)
    else:
        answer_all(session, synthetic, worth_of(library, clips, features, wants))
    print(f"{sitting.annotator}: {len(session.own)} of {session.count} questions answered, in {file.path}")
    for line in summary(library, file.answers, marks_of(sitting, library)):
        print(line)


def mark(sitting: Sitting, marker: str, wants: Sequence[float] | None = None, fps: Real = 4) -> None:
    """Writes the marks of a synthetic person that watches all episodes to the only file of marks.

    marker: see `find_marker`. wants: its preferences over cumulants; None takes the true rewards. fps: steps
    per second. Raises SocialRLError if the file is there already.
    """
    from socialrl.judge.marking import watched

    if len(sitting.marks) != 1:
        raise SocialRLError("--marker: the marks need a place", "name a file for them: --marks FILE")
    [path], given = sitting.marks, find_marker(marker)
    if path.exists():
        raise SocialRLError(f"{path}: exists already", "choose another name, or remove it first")
    refresh(sitting)
    library = find(sitting)
    found = watched(library, given, _wanted(library, wants), sitting.annotator, float(fps), sitting.seed)
    marks.write(path, found)
    print(f"{path}: {len(found)} marks")


def marks_of(sitting: Sitting, library: Library, say: Callable[[str], None] = print) -> list[marks.Mark]:
    """The marks of all files that are about episodes of the library; says how many are not."""
    found: list[marks.Mark] = []
    for path in sitting.marks:
        all_of, bad = marks.read(path, sitting.skip_bad)
        for line in bad:
            say(f"left out: {line}")
        here = marks.known(library, all_of)
        if len(here) < len(all_of):
            names = ", ".join(sorted({mark.replay for mark in all_of if mark not in here})[:3])
            where = f"episodes that are not here, or were recorded anew ({names})"
            say(f"{path}: {len(all_of) - len(here)} marks are about {where}: they do not count")
        found += here
    return found


def report(sitting: Sitting) -> None:
    """Prints what the answers say, without asking any."""
    library, answers = find(sitting), answers_of(sitting)
    if answers or not sitting.marks:
        print(f"{len(latest(answers))} answers in {file_of(sitting)}")
        gone(library, answers, file_of(sitting))
    for line in summary(library, answers, marks_of(sitting, library)):
        print(line)


def answers_of(sitting: Sitting, say: Callable[[str], None] = print) -> tuple[Answer, ...]:
    """The answers of the file, of which there need be none where there are marks; says what is left out."""
    nowhere = sitting.labels is None and sitting.marks and not run_of(sitting)
    if nowhere:
        return ()
    found = read(file_of(sitting), sitting.skip_bad)
    for line in found.bad:
        say(f"left out: {line}")
    return found.answers


def _silent(text: str) -> None:
    """Prints nothing: it has been said."""


def run_of(sitting: Sitting) -> Path | None:
    """The only run folder among the paths; None if there is none, or several."""
    folders = [path for path in sitting.paths if path.is_dir()]
    return folders[0] if len(folders) == 1 else None


def file_of(sitting: Sitting) -> Path:
    """The file of answers; raises SocialRLError unless one is named or there is one run folder."""
    if sitting.labels is not None:
        return sitting.labels
    run = run_of(sitting)
    if run is None:
        raise SocialRLError("the answers need a place", "name a file for them: --labels FILE")
    read_config(run)
    return run / FILE


def opened(sitting: Sitting) -> AnswerFile:
    """The file of answers, ready for more; says what was repaired or left out."""
    file = AnswerFile(file_of(sitting), sitting.skip_bad)
    if file.torn:
        print(f"{file.path}: the last line had no end, as a crash leaves it: cut off")
    for line in file.bad:
        print(f"left out: {line}")
    return file


def refresh(sitting: Sitting) -> None:
    """Records episodes of arms of the run that are still training, see `judge.training`."""
    from socialrl.judge.training import record_newest  # which imports learners

    run = run_of(sitting)
    if run is not None and (run / "checkpoints").is_dir():
        record_newest(run, sitting.arms)


def paths_of(sitting: Sitting) -> list[Path]:
    """The replays: files, those of run folders, and those that were recorded there for a judge."""
    found: list[Path] = []
    for path in sitting.paths:
        inside = sorted((path / JUDGED).glob("*.npz"))
        ended = any((path / "replays").glob("*.npz"))
        if (path / "config.json").is_file() and not ended and not inside:
            raise SocialRLError(f"{path}: there is nothing to judge yet", "wait for its first checkpoint")
        found += inside if inside and not ended else [*files.find([path]), *inside]
    return found


def find(sitting: Sitting) -> Library:
    """The replays of the arms; raises SocialRLError for an arm without one."""
    found, names = files.read(paths_of(sitting))
    arms = sorted({replay.arm for replay in found})
    for arm in sitting.arms:
        if arm not in arms:
            raise unknown("arm", arm, arms)
    chosen = [i for i, replay in enumerate(found) if not sitting.arms or replay.arm in sitting.arms]
    return Library.of([found[i] for i in chosen], [names[i] for i in chosen])


def cumulants(library: Library, clips: Sequence[Clip]) -> Float32[np.ndarray, "clips K"] | None:
    """The sums of true cumulants of each clip; None, which is said, if the episodes cannot be run again."""
    try:
        return library.cumulants(clips)
    except SocialRLError as error:
        print(f"clips are chosen at random: {error}")
        return None


def gone(library: Library, answers: Sequence[Answer], path: Path) -> None:
    """Says which answers of a file are about clips that are not there."""
    lost = [one for one in latest(answers) if not (library.has(one.left) and library.has(one.right))]
    if lost:
        sides = (clip for one in lost for clip in (one.left, one.right))
        names = sorted({clip.replay for clip in sides if not library.has(clip)})
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        where = f"clips that are not here, or were recorded anew ({shown})"
        print(f"{path}: {len(lost)} answers are about {where}: they stay in the file and do not count")


def find_teacher(text: str) -> Teacher:
    """The teacher of `NAME` or `NAME,KEY=VALUE,...`; raises SocialRLError with the nearest spelling."""
    name, *settings = text.split(",")
    if name not in SYNTHETIC:
        raise unknown("teacher", name, SYNTHETIC)
    values = _settings(settings, "--teacher")
    return build(Teacher, dataclasses.asdict(SYNTHETIC[name]) | values, "--teacher")


def find_marker(text: str) -> Marker:
    """The marker of `KEY=VALUE,...`, or `usual`; raises SocialRLError with the nearest spelling."""
    settings = [] if text == "usual" else text.split(",")
    return build(Marker, dataclasses.asdict(Marker()) | _settings(settings, "--marker"), "--marker")


def _settings(settings: Sequence[str], option: str) -> dict[str, object]:
    """The values of `KEY=VALUE` by key."""
    values: dict[str, object] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise SocialRLError(f"{option}: {setting!r}", "write KEY=VALUE, e.g. noise=0.1")
        values[key.strip()] = value if value in ("inf",) else read_json(value, f"{option} {key}")
    return values


def _wanted(library: Library, wants: Sequence[float] | None) -> Float32[np.ndarray, " K"] | None:
    """Preferences over the cumulants of the library's worlds; None for none."""
    if wants is None:
        return None
    count = len(next(iter(library.replays.values())).cumulants)
    if len(wants) != count:
        raise SocialRLError(f"--wants: {len(wants)} numbers", f"give {count}, one per cumulant")
    return np.asarray(wants, np.float32)


def worth_of(
    library: Library,
    clips: Sequence[Clip],
    features: Float32[np.ndarray, "clips K"] | None,
    wants: Sequence[float] | None,
) -> Sequence[Float32[np.ndarray, " steps"]]:
    """The rewards of each clip's steps, in a teacher's eyes."""
    if wants is None:
        return [library.rewards(clip) for clip in clips]
    if features is None:
        raise SocialRLError("--wants: the cumulants of these replays are not known", "leave it out")
    worth = features @ _wanted(library, wants)
    return [np.array([one], np.float32) for one in worth]


def answer_all(session: Session, teacher: Teacher, worth: Sequence[Float32[np.ndarray, " steps"]]) -> None:
    """Answers all questions that are left by a synthetic teacher."""
    place = {clip: number for number, clip in enumerate(session.clips)}
    longest = max(len(one) for one in worth)
    padded = jnp.asarray(np.stack([np.pad(one, (0, longest - len(one))) for one in worth]))

    @jax.jit
    def decide(left: jax.Array, right: jax.Array, key: jax.Array, number: jax.Array) -> jax.Array:
        return teacher.answer(padded[left], padded[right], key, number)

    def asked() -> Question | None:
        return session.question

    with tqdm(total=session.count, initial=session.number, desc=session.annotator, unit=" answers") as bar:
        while (question := asked()) is not None:
            if question.left not in place or question.right not in place:
                session.answer("cannot_tell", 0)  # shared with somebody who saw clips of another length
            else:
                key = jax.random.fold_in(jax.random.key(session.seed + 1), question.number)
                sides = place[question.left], place[question.right]
                answer = decide(*map(jnp.int32, sides), key, jnp.int32(question.number))
                session.answer(ANSWERS[int(answer)], 0)
            bar.update()


def preferences(
    library: Library, answers: Sequence[Answer], given: Sequence[marks.Mark] = ()
) -> tuple[Float32[np.ndarray, " K"], Float32[np.ndarray, " K"]] | None:
    """(mean, std) of the posterior over preferences, one number per cumulant, after all answers about clips
    that are there and all marks; None without one. Raises SocialRLError if the episodes cannot be run again.
    """
    sides = (clip for one in latest(answers) for clip in (one.left, one.right))
    clips = [clip for clip in dict.fromkeys(sides) if library.has(clip)]
    if not clips and not given:
        return None
    count = len(next(iter(library.replays.values())).cumulants)
    none = np.zeros((0, count), np.float32)
    features = library.cumulants(clips) if clips else none
    marked = marks.features(library, given) if given else none
    scale = spread(np.concatenate([features, marked, -marked]))
    difference, preferred = compared(features, clips, answers)
    good = np.array([mark.good for mark in given], np.float32)
    rows = np.concatenate([difference, marked]) / scale  # a mark compares with nothing
    found = inferred(rows, np.concatenate([preferred, good]))
    return np.asarray(found.mean) / scale, np.asarray(found.std) / scale


def summary(library: Library, answers: Sequence[Answer], given: Sequence[marks.Mark] = ()) -> list[str]:
    """What answers and marks say, in lines: agreement, suspicions, and the inferred preferences."""
    lines = agreement(answers).lines()
    for name in dict.fromkeys(mark.annotator for mark in given):
        own = [mark.good for mark in given if mark.annotator == name]
        lines.append(f"{name}: {len(own)} marks ({sum(own)} good, {len(own) - sum(own)} bad)")
    try:
        found = preferences(library, answers, given)
    except SocialRLError as error:
        return [*lines, f"no preferences are inferred: {error}"]
    if found is None:
        return lines
    replay: Replay = next(iter(library.replays.values()))
    rows = zip(replay.cumulants, *found, strict=True)
    words = ", ".join(f"{name} {value:+.2f} ± {std:.2f}" for name, value, std in rows)
    lines.append(f"inferred preferences (posterior mean ± standard deviation): {words}")
    if replay.preferences is not None:
        true = json.dumps([round(value, 2) for value in replay.preferences[replay.novices[0]]])
        lines.append(f"preferences that the world pays the agent by: {true}")
    return lines


def adapt(sitting: Sitting, agent: str, out: Path) -> None:
    """Writes the agent ARM[:SEED] of the run, adapted to the preferences that the answers reveal."""
    from socialrl.agents import parse_address  # which imports learners
    from socialrl.judge.adapting import adapted

    folder = run_of(sitting)
    if folder is None:
        raise SocialRLError(f"--adapt {agent}: an agent is of one run", "name one run folder")
    run, arm, seed = parse_address(f"{folder}:{agent}")
    library = find(sitting)
    found = preferences(library, answers_of(sitting, _silent), marks_of(sitting, library, _silent))
    if found is None:
        raise SocialRLError(f"--adapt {agent}: there are no answers to adapt to", "answer some first")
    adapted(run, arm, seed, found[0], sitting.seed).save(out)
    print(out)


def write_dataset(sitting: Sitting, out: Path) -> None:
    """Writes the answers and marks with what their clips show, for reward models. A mark is a comparison
    with a clip of which nothing counts.
    """
    library, found = find(sitting), answers_of(sitting, _silent)
    told = [one for one in latest(found) if one.answer != "cannot_tell"]
    told = [one for one in told if library.has(one.left) and library.has(one.right)]
    given = marks_of(sitting, library, _silent)
    pairs = [(one.left, one.right) for one in told] + [(mark.clip, mark.clip) for mark in given]
    counts = [tuple(np.ones(clip.length, np.float32) for clip in pair) for pair in pairs[: len(told)]]
    counts += [(mark.credit, np.zeros(mark.clip.length, np.float32)) for mark in given]
    if not pairs:
        raise SocialRLError(f"{out}: no answers or marks about clips that are here", "answer some first")
    sides = [[library.seen(clip) for clip in pair] for pair in pairs]
    longest = max(clip.length for pair in pairs for clip in pair)

    def stacked(leaves: list[list[np.ndarray]]) -> np.ndarray:
        room = [
            [np.pad(x, [(0, longest - len(x)), *[(0, 0)] * (x.ndim - 1)]) for x in pair] for pair in leaves
        ]
        return np.stack([np.stack(pair) for pair in room])

    replay = next(iter(library.replays.values()))
    preferred = [PREFERRED[one.answer] for one in told] + [float(mark.good) for mark in given]
    answers = Answers(
        obs=stacked([[views for views, _ in pair] for pair in sides]),
        action=stacked([[action for _, action in pair] for pair in sides]),
        counts=stacked([list(pair) for pair in counts]),
        preferred=np.array(preferred, np.float32),
        world=str(replay.world["name"]),
        actions=replay.actions,
        channels=replay.channels,
        annotators=tuple(dict.fromkeys([one.annotator for one in told] + [mark.annotator for mark in given])),
        versions=versions(),
    )
    write_answers(out, answers)
    print(f"{out}: {len(pairs)} answers")
