"""The commands `record` and `play`."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import jax
from tqdm import tqdm

from socialrl.feedback import marks
from socialrl.play.cast import Cast, cast, find_seat, find_seats
from socialrl.play.session import Session, SharedSession
from socialrl.record import archive
from socialrl.record import replay as replays
from socialrl.record.demonstrations import KIND, Demonstrations, size_in_bytes, write_demonstrations
from socialrl.recording import demonstrated, to_demonstrations
from socialrl.registry import WORLD
from socialrl.rollout import make_rollout
from socialrl.types import Demonstration
from socialrl_envs.errors import SocialRLError, nearest

BATCH = 64  # episodes side by side


def record(
    target: str,
    out: Path,
    *,
    arm: str | None = None,
    episodes: int = 64,
    seed: int = 0,
    seats: Sequence[str] = (),
    settings: Sequence[str] = (),
    level: Path | None = None,
) -> Demonstrations:
    """Writes demonstrations of co-players of a world, or of a trained agent of a run, and returns them.

    target: a world's name, or RUN[:ARM[:SEED]]. arm: the same as RUN:ARM. seats: names or titles of the seats
    to record; if empty, the trained novices of a run or the co-players of a world. The others are as in
    `cast`.
    Raises SocialRLError that names what is unknown, does not fit or is too large.
    """
    _check_place(out)
    who = cast(target, None, settings, level) if WORLD.knows(target) else _agent(target, arm, settings, level)
    if arm and who.agent is None:
        raise SocialRLError(f"--arm {arm}: {target} is a world", "name a run folder, e.g. runs/coin_grid/001")
    if episodes < 1:
        raise SocialRLError(f"--episodes: {episodes}", "it must be at least 1")
    _check_seed(seed)
    chosen = _acting(who, seats)
    if size_in_bytes(who.spec.horizon, episodes, len(chosen), who.spec.obs_shape) > archive.MAX_BYTES:
        raise SocialRLError(f"{out}: {episodes} episodes are too large for one {KIND.word}", KIND.smaller)
    with tqdm(total=episodes, desc=target, unit=" episodes", dynamic_ncols=True) as bar:
        parts = list(_batches(who, chosen, episodes, seed, bar))
    actors = [who.actor(seat) or "" for seat in chosen]
    found = to_demonstrations(parts, who.world, who.world_json, seats=chosen, actors=actors, seed=seed)
    write_demonstrations(out, found)
    return found


def _agent(target: str, arm: str | None, settings: Sequence[str], level: Path | None) -> Cast:
    if not Path(target.partition(":")[0]).exists():
        what = "neither a world, nor a run folder, nor an exported agent"
        raise SocialRLError(f"{target}: {what}", nearest(target, WORLD.names()))
    return cast(None, f"{target}:{arm}" if arm else target, settings, level)


def _acting(who: Cast, words: Sequence[str]) -> tuple[int, ...]:
    """The seats to record. Raises SocialRLError if there are none, or nothing acts on one of them."""
    usual = who.spec.novices if who.agent else who.spec.coplayers
    seats = find_seats(who.spec, words) if words else usual
    for seat in seats:
        if who.actor(seat) is None:
            agent = who.spec.agents[seat]
            raise SocialRLError(
                f"--seats: nothing acts on {agent} in a world without a trained agent",
                "name a run folder to record a trained one",
            )
    if not seats:
        raise SocialRLError(f"{who.spec.name}: there are no co-players to record", "--world.experts 2")
    return seats


def _batches(
    who: Cast, seats: tuple[int, ...], episodes: int, seed: int, bar: tqdm
) -> Iterator[Demonstration]:
    """The demonstrations of all episodes, in batches."""
    rollout, batch = make_rollout(who.world, who.learner), min(BATCH, episodes)

    @jax.jit
    def several(learner_state: object, key: jax.Array) -> Demonstration:
        levels_key, episodes_key = jax.random.split(key)
        levels = rollout.pool(levels_key, batch, who.overrides())
        return demonstrated(rollout.episodes(learner_state, levels, episodes_key), who.world, seats)

    for number, start in enumerate(range(0, episodes, batch)):
        found = jax.device_get(several(who.learner_state, jax.random.fold_in(jax.random.key(seed), number)))
        count = min(batch, episodes - start)
        bar.update(count)
        yield jax.tree.map(lambda leaf, count=count: leaf[:, :count], found)


def play(
    world: str | None,
    *,
    agent: str | None = None,
    seat: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    level: Path | None = None,
    fps: float | None = None,
    replay: Path | None = None,
    demonstrations: Path | None = None,
    show: Callable[[Session, float | None], None] | None = None,
) -> list[Path]:
    """Lets a person play in a window until it is closed; returns the files that were written then.

    seat: the person's; None for the first co-player beside a trained agent, else the first novice. seed: None
    draws one. fps: steps per second in real time, None waits for a key. replay, demonstrations: files to
    write. show: shows the session; None opens the window.
    Raises SocialRLError for anything wrong with the arguments, before the window opens.
    """
    who, places = _seated(
        world, agent, [seat] if seat else [], settings, level, fps, seed, replay, demonstrations
    )
    print(f"{who.spec.name}: compiling, then the window opens ...", flush=True)
    session = Session(who, places[0], _drawn(seed))
    shown = show or partial(_window, marking=replay is not None)
    return _played(session, lambda: shown(session, fps), replay, demonstrations)


def play_web(
    world: str | None,
    *,
    agent: str | None = None,
    seats: Sequence[str] = (),
    seed: int | None = None,
    settings: Sequence[str] = (),
    level: Path | None = None,
    fps: float | None = None,
    replay: Path | None = None,
    demonstrations: Path | None = None,
    port: int = 0,
    serve: Callable[[SharedSession, float | None, int], None] | None = None,
) -> list[Path]:
    """Lets people play in their browsers until all want to end, or Ctrl-C; returns the files written then.

    seats: names, one per person; empty for one person, on the seat that `play` takes. port: on the loopback
    address, 0 takes a free one. serve: serves the session; None serves the page. All else as in `play`.
    """
    who, places = _seated(world, agent, seats, settings, level, fps, seed, replay, demonstrations)
    print(f"{who.spec.name}: compiling, then the address follows ...", flush=True)
    session = SharedSession(who, places, _drawn(seed))
    served = serve or partial(_page, marking=replay is not None)
    return _played(session, lambda: served(session, fps, port), replay, demonstrations)


def _seated(
    world: str | None,
    agent: str | None,
    seats: Sequence[str],
    settings: Sequence[str],
    level: Path | None,
    fps: float | None,
    seed: int | None,
    *files: Path | None,
) -> tuple[Cast, tuple[int, ...]]:
    """(cast, people's seats), after a check of all arguments."""
    for file in files:
        if file is not None:
            _check_place(file)
            _check_new(marks_beside(file))
    if fps is not None and not 0 < fps <= 60:
        raise SocialRLError(f"--fps: {fps}", "give from 1 to 60 steps per second")
    if seed is not None:
        _check_seed(seed)
    who = cast(world, agent, settings, level)
    if not who.spec.novices:
        raise SocialRLError(f"{who.spec.name}: there is no novice", "--world.novices 1")
    usual = who.spec.coplayers if who.agent and who.spec.coplayers else who.spec.novices
    places = tuple(find_seat(who.spec, seat) for seat in seats) or (usual[0],)
    if len(set(places)) < len(places):
        raise SocialRLError(f"--seat {','.join(seats)}: a seat is named twice", "each person has their own")
    return who, places


def _drawn(seed: int | None) -> int:
    return secrets.randbelow(2**31) if seed is None else seed


def _played(
    session: SharedSession, show: Callable[[], None], replay: Path | None, demonstrations: Path | None
) -> list[Path]:
    """The files that were written when `show` had come to its end, or was broken off."""
    session.prepare()
    try:
        show()
    except BaseException:
        save(session, replay, demonstrations)
        raise
    return save(session, replay, demonstrations)


def save(session: SharedSession, to_replay: Path | None, to_demonstrations: Path | None) -> list[Path]:
    """Writes the files that were asked for, if any step was taken, prints and returns them."""
    written = []
    if not session.steps:
        return written
    if to_replay is not None:
        if session.explains:
            print("explaining the decisions of the trained novices ...", flush=True)
        recorded = session.replay()
        replays.save(to_replay, recorded)
        written.append(to_replay)
        if any(session.marked):
            marks.write(marks_beside(to_replay), session.marks(to_replay.stem, recorded))
            written.append(marks_beside(to_replay))
    if to_demonstrations is not None:
        write_demonstrations(to_demonstrations, session.demonstrations())
        written.append(to_demonstrations)
    for file in written:
        print(file)
    return written


def _window(session: Session, fps: float | None, marking: bool) -> None:
    from socialrl.play.window import run

    run(session, fps, marking=marking)


def _page(session: SharedSession, fps: float | None, port: int, marking: bool) -> None:
    from socialrl.play.web.server import run

    run(session, fps, port, marking)


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**31:
        raise SocialRLError(f"--seed: {seed}", "give a whole number from 0 to 2147483647")


def _check_place(file: Path) -> None:
    """Raises SocialRLError if a file exists already or could not be written."""
    if file.suffix != ".npz":
        raise SocialRLError(f"{file}: such files end in .npz", f"write {file.with_suffix('.npz')}")
    if not file.parent.is_dir():
        raise SocialRLError(f"{file}: there is no folder {file.parent}", "make it first")
    _check_new(file)


def _check_new(file: Path) -> None:
    """Raises SocialRLError if a file exists already."""
    with contextlib.suppress(OSError):
        if file.exists():
            raise SocialRLError(f"{file}: exists already", "choose another name, or remove it first")


def marks_beside(replay: Path) -> Path:
    """The file of the marks that people gave while a replay was recorded."""
    return replay.with_name(replay.stem + marks.SUFFIX)
