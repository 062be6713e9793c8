"""Demonstrations as Minari datasets, one per seat, and back.

    write_minari("socialrl/goal_cycle-v0", read_demonstrations("demos.npz"))
    found = read_minari("socialrl/goal_cycle-v0")            # every bit as it was
    minari.load_dataset("socialrl/goal_cycle/expert_0-v0")   # for any other program

The dataset of a seat has an episode per episode: observations (T + 1, V, V, C), actions (T,), rewards that
are NaN, because demonstrations hold none, and infos (T + 1,): `present`, `discount` (entry t + 1 is that of
step t), and `next_observation` where it is not the observation of the step after. Its metadata keep the
header of the file under "socialrl", as JSON. Minari: https://minari.farama.org, data format "hdf5".
"""

import json
import re
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from socialrl.formats import need
from socialrl.record import archive
from socialrl.record.demonstrations import (
    ARRAYS,
    FORMAT,
    KIND,
    VERSION,
    Demonstrations,
    from_parts,
    size_in_bytes,
    to_parts,
)
from socialrl.record.folder import versions
from socialrl.registry import WORLD
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json
from socialrl_envs.types import WorldSpec

KEY = "socialrl"  # of the header in a dataset's metadata
IDENTIFIER = re.compile(r"(?P<name>[-\w]+(?:/[-\w]+)*)-(?P<version>v\d+)")
Row = dict[str, Shaped[np.ndarray, "..."]]  # the arrays of one episode of one seat, without padding


def write_minari(identifier: str, demonstrations: Demonstrations) -> list[str]:
    """Writes one local Minari dataset per seat and returns their identifiers, "<name>/<seat>-v0".

    identifier: "<name>-v0", where the name may have namespaces, "a/b". Raises SocialRLError if Minari is not
    installed, for an impossible identifier and if one of the datasets exists. All are written or none.
    """
    minari = need("minari", "minari", "minari")
    identifiers = [_of_seat(identifier, seat) for seat in demonstrations.seats]
    for one in identifiers:
        if _folder(one).exists():
            raise SocialRLError(f"minari:{one}: exists already", "choose another name or version")
    header, arrays = to_parts(demonstrations)
    lengths = [int(length) for length in demonstrations.length]
    try:
        for number, one in enumerate(identifiers):
            rows = [
                {name: array[:length, episode, number] for name, array in arrays.items()}
                for episode, length in enumerate(lengths)
            ]
            _write_seat(minari, one, number, header, rows, len(arrays["obs"]))
    except BaseException:
        for one in identifiers:
            shutil.rmtree(_folder(one), ignore_errors=True)
        raise
    return identifiers


def read_minari(identifier: str, world: WorldSpec | None = None) -> Demonstrations:
    """The demonstrations of a local Minari dataset, or of all seats that `write_minari` wrote by this name.

    world: what the spaces of a dataset of other origin must fit; its seat is then called by the dataset's
    name, and everybody counts as present. Raises SocialRLError for what is missing, damaged or does not fit,
    and before anything is read for what is larger than a demonstration file may be.
    """
    minari = need("minari", "minari", "minari")
    found = _find(minari, identifier)
    where = f"minari:{identifier}"
    headers = [_header(dataset, where) for dataset in found]
    if len(found) == 1 and headers[0] is None:
        if world is None:
            raise SocialRLError(
                f"{where}: not written by socialrl, so its world is not known", "name it: --world goal_cycle"
            )
        headers = [_foreign_header(found[0], world, where)]
    if any(header is None for header in headers):
        raise SocialRLError(f"{where}: some of its datasets were not written by socialrl", "name one of them")
    return _join(found, [header for header in headers if header is not None], where)


def _of_seat(identifier: str, seat: str) -> str:
    """The identifier of one seat's dataset; raises SocialRLError for an impossible one."""
    match = IDENTIFIER.fullmatch(identifier)
    if match is None:
        raise SocialRLError(f"minari:{identifier}: not a dataset's name", "give e.g. minari:mine/demos-v0")
    return f"{match['name']}/{seat}-{match['version']}"


def _folder(identifier: str) -> Path:
    storage = need("minari.storage", "minari", "minari")
    return Path(storage.get_dataset_path(identifier))


def _write_seat(
    minari: Any, identifier: str, number: int, header: dict[str, Any], rows: list[Row], steps: int
) -> None:
    """Writes the dataset of the seat of this number. steps: of the longest episode in the file."""
    spaces = need("gymnasium.spaces", "minari", "minari")
    actor, seat = header["actors"][number], header["seats"][number]
    apart = any((row["obs"][1:] != row["next_obs"][:-1]).any() for row in rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about an author, a mail address and a link, which the file has not
        dataset = minari.create_dataset_from_buffers(
            identifier,
            [_buffer(minari, row, apart) for row in rows],
            env=_environment(header["world"]),
            observation_space=spaces.Box(0, 255, tuple(header["obs_shape"]), np.uint8),
            action_space=spaces.Discrete(len(header["actions"])),
            algorithm_name=actor,
            description=f"{header['world']['name']}: {seat}, acted by {actor}; rewards are unknown, NaN.",
            requirements=[f"socialrl=={header['versions'].get('socialrl', versions()['socialrl'])}"],
            data_format="hdf5",
            jpeg_encoding=False,
        )
    kept = {"header": header, "seat": seat, "steps": steps}
    dataset.storage.update_metadata({KEY: json.dumps(kept, ensure_ascii=False)})


def _environment(world: dict[str, Any]) -> Any:
    """The Gymnasium spec of a built-in world with one novice and plain options, else None."""
    options = {key: value for key, value in world.items() if key != "name"}
    plain = all(value is None or isinstance(value, bool | int | float | str) for value in options.values())
    if not plain or world["name"] not in WORLD.names() or options.get("novices", 1) != 1:
        return None
    registration = need("gymnasium.envs.registration", "minari", "minari")
    return registration.EnvSpec(
        id=f"socialrl/{world['name']}-v0",
        entry_point="socialrl_envs.gym:make",
        kwargs={"world": world["name"], **options},
    )


def _buffer(minari: Any, row: Row, apart: bool) -> Any:
    """One episode for Minari. apart: whether next observations are kept on their own."""
    infos = {
        "present": np.append(row["present"], row["present"][-1:]),
        "discount": np.append(np.ones(1, np.float32), row["discount"]),
    }
    if apart:
        infos["next_observation"] = np.concatenate([row["obs"][:1], row["next_obs"]])
    ended = row["discount"][-1] == 0
    last = np.arange(len(row["last"])) == len(row["last"]) - 1
    return minari.data_collector.EpisodeBuffer(
        observations=np.concatenate([row["obs"], row["next_obs"][-1:]]),
        actions=row["action"],
        rewards=np.full(len(row["action"]), np.nan),
        terminations=last & ended,
        truncations=last & ~ended,
        infos=infos,
    )


def _find(minari: Any, identifier: str) -> list[Any]:
    """The dataset of this name, or those of the seats below it."""
    where, match = f"minari:{identifier}", IDENTIFIER.fullmatch(identifier)
    if match is None:
        raise SocialRLError(f"{where}: not a dataset's name", "give e.g. minari:mine/demos-v0")
    names = [identifier]
    if not (_folder(identifier) / "data").is_dir():
        below = sorted(_folder(match["name"]).glob(f"*-{match['version']}"))
        names = [f"{match['name']}/{one.name}" for one in below if (one / "data").is_dir()]
    if not names:
        raise SocialRLError(f"{where}: there is no such dataset here", "list them: minari list local")
    return [_trying(where, lambda name=name: minari.load_dataset(name)) for name in names]


def _trying(where: str, read: Callable[[], Any]) -> Any:
    """What `read` returns; whatever Minari and HDF5 raise for a damaged dataset becomes a SocialRLError."""
    try:
        return read()
    except SocialRLError:
        raise
    except Exception as error:  # they raise what their parts raise: OSError, KeyError, AssertionError, ...
        cause = str(error).partition("\n")[0][:200] or type(error).__name__
        raise SocialRLError(f"{where}: not a Minari dataset, or a damaged one ({cause})") from error


def _header(dataset: Any, where: str) -> dict[str, Any] | None:
    """{"header", "seat", "steps"} as `write_minari` kept it in the metadata, None in other datasets."""
    text = _trying(where, lambda: dataset.storage.metadata).get(KEY)
    if text is None:
        return None
    kept = read_json(text, f"{where}: metadata") if isinstance(text, str) else None
    if (
        not isinstance(kept, dict)
        or not isinstance(kept.get("header"), dict)
        or not isinstance(kept["header"].get("seats"), list)
        or not isinstance(kept["header"].get("actors"), list)
        or len(kept["header"]["seats"]) != len(kept["header"]["actors"])
        or kept.get("seat") not in kept["header"]["seats"]
        or not isinstance(kept.get("steps"), int)
    ):
        raise SocialRLError(f"{where}: metadata: {KEY} is not what socialrl writes", "the dataset is damaged")
    return kept


def _foreign_header(dataset: Any, spec: WorldSpec, where: str) -> dict[str, Any]:
    """The header for a dataset of other origin, whose spaces must be those of the world."""
    spaces = need("gymnasium.spaces", "minari", "minari")
    seen, done = dataset.observation_space, dataset.action_space
    if not isinstance(seen, spaces.Box) or seen.shape != spec.obs_shape or seen.dtype != np.uint8:
        raise SocialRLError(
            f"{where}: observations {seen}, in {spec.name} {spec.obs_shape} of uint8",
            "name the world with the options that it was recorded in",
        )
    if not isinstance(done, spaces.Discrete) or done.n != len(spec.actions) or done.start != 0:
        raise SocialRLError(f"{where}: actions {done}, in {spec.name} Discrete({len(spec.actions)})")
    seat = spec.agents[0]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "world": {"name": spec.name},
        "agents": list(spec.agents),
        "seats": [seat],
        "actors": [str(dataset.storage.metadata.get("algorithm_name") or dataset.spec.dataset_id)[:200]],
        "actions": list(spec.actions),
        "channels": list(spec.channels),
        "obs_shape": list(spec.obs_shape),
        "seed": 0,
        "versions": versions(),
    }
    return {"header": header, "seat": seat, "steps": 0}


def _join(found: Sequence[Any], kept: Sequence[dict[str, Any]], where: str) -> Demonstrations:
    """The datasets of several seats side by side, in the order of the header."""
    header = dict(kept[0]["header"])
    pairs = sorted(
        zip(found, kept, strict=True), key=lambda pair: pair[1]["header"]["seats"].index(pair[1]["seat"])
    )
    for _, other in pairs:
        if other["header"] != kept[0]["header"]:
            raise SocialRLError(f"{where}: its seats are not of one recording", "name one of the datasets")
    actors = dict(zip(header["seats"], header["actors"], strict=True))
    seats = [other["seat"] for _, other in pairs]
    header |= {"seats": seats, "actors": [actors[seat] for seat in seats]}
    for dataset, _ in pairs:
        if list(dataset.observation_space.shape or ()) != header.get("obs_shape", 0):
            raise SocialRLError(
                f"{where}: observations {dataset.observation_space}, not {header.get('obs_shape')}",
                "the dataset is damaged",
            )
    rows = [_rows(dataset, where, kept[0]["steps"]) for dataset, _ in pairs]
    lengths = [[len(row["action"]) for row in seat] for seat in rows]
    if len({tuple(one) for one in lengths}) != 1:
        raise SocialRLError(f"{where}: its seats have episodes of different lengths")
    steps = max(kept[0]["steps"], *lengths[0])

    def beside(name: str) -> Shaped[np.ndarray, "T B K ..."]:
        return np.stack([np.stack([_padded(row[name], steps, name) for row in seat], 1) for seat in rows], 2)

    arrays = _trying(where, lambda: {name: beside(name) for name in ARRAYS})
    return from_parts(header, arrays, where)


def _rows(dataset: Any, where: str, steps: int) -> list[Row]:
    """The episodes of a dataset, after a check of their size."""
    episodes, shape = int(dataset.total_episodes), dataset.observation_space.shape
    if not episodes:
        raise SocialRLError(f"{where}: it has no episode")
    longest = max(steps, -(-int(dataset.total_steps) // episodes))
    if size_in_bytes(longest, episodes, 1, shape) > archive.MAX_BYTES:
        raise SocialRLError(f"{where}: {episodes} episodes are too large for one {KIND.word}", KIND.smaller)
    return _trying(where, lambda: [_row(episode) for episode in dataset.iterate_episodes()])


def _row(episode: Any) -> Row:
    """The arrays of one episode as demonstrations hold them, without padding."""
    obs, actions = np.asarray(episode.observations), np.asarray(episode.actions)
    infos, length = dict(episode.infos or {}), len(actions)
    action = actions.astype(np.int32)
    if (action != actions).any() or len(obs) != length + 1 or not length:
        raise SocialRLError(f"episode {episode.id}: {len(obs)} observations, {length} actions")
    gone = np.where(np.asarray(episode.terminations, bool), 0, 1).astype(np.float32)
    return {
        "obs": obs[:-1],
        "action": action,
        "next_obs": np.asarray(infos.get("next_observation", obs))[1:],
        "discount": np.asarray(infos.get("discount", np.append(1, gone)), np.float32)[1:],
        "last": np.arange(length) == length - 1,
        "present": np.asarray(infos.get("present", np.ones(length + 1)), bool)[:length],
    }


def _padded(array: Shaped[np.ndarray, "t ..."], steps: int, name: str) -> Shaped[np.ndarray, "T ..."]:
    """An episode's array with the padding of a file: zeros, and `last` true."""
    padding = np.full((steps - len(array), *array.shape[1:]), name == "last", array.dtype)
    return np.concatenate([array, padding])
