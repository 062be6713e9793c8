"""What `socialrl judge` does: a sitting in a window or of a synthetic teacher, and what the answers say."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from socialrl.coerce import build
from socialrl.feedback.agreement import agreement
from socialrl.feedback.clips import Clip, Library
from socialrl.feedback.comparisons import PREFERRED, Answer, AnswerFile, latest, read
from socialrl.feedback.teachers import ANSWERS, Teacher
from socialrl.judge.session import Question, Session, posterior, spread
from socialrl.record.answers import Answers, write_answers
from socialrl.record.folder import read_config, versions
from socialrl.record.replay import Replay
from socialrl.viewer import files
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.safe_json import read_json
from socialrl_envs.sprites import Real

FILE = "comparisons.jsonl"  # in a run folder
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

    arms: whose clips; all if empty. length: steps of a clip. count: questions. by: how clips are chosen.
    seed: of random choices. skip_bad: whether lines of the file that are no answers are left out.
    """

    paths: tuple[Path, ...]
    labels: Path | None = None
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
    for line in summary(library, file.answers):
        print(line)


def report(sitting: Sitting) -> None:
    """Prints what the answers say, without asking any."""
    found = read(file_of(sitting), sitting.skip_bad)
    for line in found.bad:
        print(f"left out: {line}")
    library = find(sitting)
    print(f"{len(latest(found.answers))} answers in {file_of(sitting)}")
    gone(library, found.answers, file_of(sitting))
    for line in summary(library, found.answers):
        print(line)


def file_of(sitting: Sitting) -> Path:
    """The file of answers; raises SocialRLError unless one is named or there is one run folder."""
    if sitting.labels is not None:
        return sitting.labels
    if len(sitting.paths) != 1 or not sitting.paths[0].is_dir():
        raise SocialRLError("the answers need a place", "name a file for them: --labels FILE")
    read_config(sitting.paths[0])
    return sitting.paths[0] / FILE


def opened(sitting: Sitting) -> AnswerFile:
    """The file of answers, ready for more; says what was repaired or left out."""
    file = AnswerFile(file_of(sitting), sitting.skip_bad)
    if file.torn:
        print(f"{file.path}: the last line had no end, as a crash leaves it: cut off")
    for line in file.bad:
        print(f"left out: {line}")
    return file


def find(sitting: Sitting) -> Library:
    """The replays of the arms; raises SocialRLError for an arm without one."""
    found, names = files.read(list(sitting.paths))
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
    values = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise SocialRLError(f"--teacher: {setting!r}", "write KEY=VALUE, e.g. noise=0.1")
        values[key.strip()] = value if value in ("inf",) else read_json(value, f"--teacher {key}")
    return build(Teacher, dataclasses.asdict(SYNTHETIC[name]) | values, "--teacher")


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
    if len(wants) != features.shape[1]:
        raise SocialRLError(f"--wants: {len(wants)} numbers", f"give {features.shape[1]}, one per cumulant")
    worth = features @ np.asarray(wants, np.float32)
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
    library: Library, answers: Sequence[Answer]
) -> tuple[Float32[np.ndarray, " K"], Float32[np.ndarray, " K"]] | None:
    """(mean, std) of the posterior over preferences, one number per cumulant, after all answers about clips
    that are there; None without one. Raises SocialRLError if the episodes cannot be run again.
    """
    sides = (clip for one in latest(answers) for clip in (one.left, one.right))
    clips = [clip for clip in dict.fromkeys(sides) if library.has(clip)]
    if not clips:
        return None
    features = library.cumulants(clips)
    scale = spread(features)
    found = posterior(features / scale, clips, answers)
    return np.asarray(found.mean) / scale, np.asarray(found.std) / scale


def summary(library: Library, answers: Sequence[Answer]) -> list[str]:
    """What the answers say, in lines: agreement, suspicions, and the inferred preferences."""
    lines = agreement(answers).lines()
    try:
        found = preferences(library, answers)
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

    if len(sitting.paths) != 1:
        raise SocialRLError(f"--adapt {agent}: an agent is of one run", "name one run folder")
    run, arm, seed = parse_address(f"{sitting.paths[0]}:{agent}")
    found = preferences(find(sitting), read(file_of(sitting), sitting.skip_bad).answers)
    if found is None:
        raise SocialRLError(f"--adapt {agent}: there are no answers to adapt to", "answer some first")
    adapted(run, arm, seed, found[0], sitting.seed).save(out)
    print(out)


def write_dataset(sitting: Sitting, out: Path) -> None:
    """Writes the answers with what their clips show, for reward models."""
    library, found = find(sitting), read(file_of(sitting), sitting.skip_bad).answers
    told = [one for one in latest(found) if one.answer != "cannot_tell"]
    told = [one for one in told if library.has(one.left) and library.has(one.right)]
    if not told:
        raise SocialRLError(f"{file_of(sitting)}: no answers about clips that are here", "answer some first")
    sides = [[library.seen(clip) for clip in (one.left, one.right)] for one in told]
    longest = max(len(action) for pair in sides for _, action in pair)

    def stacked(leaves: list[list[np.ndarray]]) -> np.ndarray:
        room = [
            [np.pad(x, [(0, longest - len(x)), *[(0, 0)] * (x.ndim - 1)]) for x in pair] for pair in leaves
        ]
        return np.stack([np.stack(pair) for pair in room])

    replay = next(iter(library.replays.values()))
    answers = Answers(
        obs=stacked([[views for views, _ in pair] for pair in sides]),
        action=stacked([[action for _, action in pair] for pair in sides]),
        counts=stacked([[np.ones(len(action), np.float32) for _, action in pair] for pair in sides]),
        preferred=np.array([PREFERRED[one.answer] for one in told], np.float32),
        world=str(replay.world["name"]),
        actions=replay.actions,
        channels=replay.channels,
        annotators=tuple(dict.fromkeys(one.annotator for one in told)),
        versions=versions(),
    )
    write_answers(out, answers)
    print(f"{out}: {len(told)} answers")
