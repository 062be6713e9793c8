"""Replays as the page for browsers reads them: a header as JSON, then arrays, compressed.

What a file holds is data all the way: the page gets it as base64, and shows its texts as text.

A packed replay is, after decompression: the length of the header (uint32), the header, and the bytes of the
arrays in the header's order, without gaps. Items of several bytes are little-endian and stored plane by plane
(all lowest bytes first), which compresses better.
"""

import dataclasses
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from socialrl.record.replay import AHEAD, DISCOUNT, Replay
from socialrl.scene import SPEEDS, Scene
from socialrl.scene.commands import COMMANDS
from socialrl.scene.measures import error, strengths
from socialrl.scene.plots import PLOTS, Plot, Plotter
from socialrl.scene.themes import THEMES
from socialrl_envs.glyphs import GLYPHS
from socialrl_envs.ground import PALETTES
from socialrl_envs.picture import OKABE_ITO, order_notes
from socialrl_envs.sprites import COIN_COLOURS, PLAIN_PLATE, PLATES
from socialrl_envs.tiles import COLOURS, OBJECT_CHARS, RGB
from socialrl_envs.tokens import TOKEN_COLOURS

VERSION = 1
# What is beyond these is left out, and the page says so.
MOST_PER_REPLAY = 24_000_000  # bytes of a replay before compression
MOST = 8_000_000  # characters of all replays of a page
# Arrays that only some learners record.
RECORDED = ("occupancy", "prediction", "spread", "belief", "concept_read")
LEVELS = 16  # of grey that pictures of views and of occupancy keep
NO_VALUE = 255  # of a concept that means nothing in a step; none has so many values
KINDS = {"bool": "u1", "int8": "i1", "uint8": "u1", "uint16": "u2", "int32": "i4", "float32": "f4"}

Arrays = dict[str, Shaped[np.ndarray, "..."]]


def pack(
    replay: Replay, name: str, plots: Mapping[str, Plotter] = PLOTS, most: int = MOST_PER_REPLAY
) -> bytes:
    """A replay for the page. name: of its file. most: bytes of its arrays, before compression.

    plots: what its tabs plot, by title. Arrays that are not needed to follow the episodes are left out in the
    order of `_optional` once the others take `most` bytes.
    """
    arrays = _needed(replay) | _ground(replay)
    header = _facts(replay, name)
    left, size = [], sum(array.nbytes for array in arrays.values())
    for word, make in _optional(replay, plots, header).items():
        cost = _cost(replay, word)
        if size + cost > most:
            left.append(word)
            continue
        more = make()
        size += sum(array.nbytes for array in more.values())
        arrays |= more
    header["left_out"] = left
    return _packed(header, arrays)


def settings(scene: Scene, names: Sequence[str] = ()) -> dict[str, Any]:
    """What the page shows first, and the keys, as JSON values. names: of replays that were left out."""
    return {
        "version": VERSION,
        "which": scene.which,
        "episode": scene.episode,
        "t": scene.t,
        "speeds": list(SPEEDS),
        "discount": DISCOUNT,
        "ahead": AHEAD,
        "left_out": list(names),
        "commands": [[list(c.keys), c.label, c.text] for c in COMMANDS],
        "art": _art(),
    }


def _art() -> dict[str, Any]:
    """The colours and the letters of pictures, which Python's are drawn with, too."""
    return {
        "themes": {name: dataclasses.asdict(theme) for name, theme in THEMES.items()},
        "palettes": {name: dataclasses.asdict(palette) for name, palette in PALETTES.items()},
        "glyphs": GLYPHS,
        "coins": COIN_COLOURS,
        "coin_names": COLOURS,
        "plates": PLATES,
        "plain": PLAIN_PLATE,
        "tokens": TOKEN_COLOURS,
        "objects": OBJECT_CHARS,
        "channels": OKABE_ITO,
        "rgb": RGB,
    }


def _facts(replay: Replay, name: str) -> dict[str, Any]:
    """What a replay says of itself."""
    return {
        "name": name,
        "experiment": replay.experiment,
        "arm": replay.arm,
        "seed": replay.seed,
        "step": replay.step,
        "agents": replay.agents,
        "novices": replay.novices,
        "sources": replay.sources,
        "source_seats": replay.source_seats,
        "actions": replay.actions,
        "cumulants": replay.cumulants,
        "channels": replay.channels,
        "preferences": replay.preferences,
        "value_unit": replay.value_unit,
        "turning": replay.movement == "turning",
        "view": [replay.view.kind, replay.view.size, replay.view.occlusion],
        "colours": replay.colours,
        "source_colours": replay.source_colours,
        "source_marks": replay.source_marks,
        "concepts": [
            {"name": concept.name, "meaning": concept.meaning, "values": concept.values}
            for concept in replay.concepts
        ],
        "plots": [],
        "recorded": [name for name in RECORDED if vars(replay)[name] is not None],
    }


def _needed(replay: Replay) -> Arrays:
    """The arrays without which an episode cannot be followed."""
    return {
        "length": replay.length,
        "action": replay.action,
        "reward": replay.reward,
        "ended": np.where(replay.terminated, 1, np.where(replay.truncated, 2, 0)).astype(np.uint8),
        "source": replay.source,
        "influence": rounded(replay.influence),
        "position": replay.position,
        "heading": replay.heading,
        "present": replay.present,
        "strength": _stacked(replay, strengths, 255),
    }


def _ground(replay: Replay) -> Arrays:
    """Every ground that occurs, once, and which one lies under each state."""
    seen: dict[bytes, int] = {}
    which = np.zeros(replay.tiles.shape[:2], np.int32)
    for episode in range(replay.episodes):
        for t in range(replay.steps(episode) + 1):
            tiles = replay.tiles[episode, t]
            notes = order_notes(tiles) if replay.notes is None else replay.notes[episode, t]
            kinds = np.zeros_like(tiles) if replay.kinds is None else replay.kinds[episode, t]
            which[episode, t] = seen.setdefault(np.stack([tiles, notes, kinds]).tobytes(), len(seen))
    grounds = np.frombuffer(b"".join(seen), np.uint8).reshape(len(seen), 3, *replay.tiles.shape[2:])
    return {"ground": which, "grounds": grounds}


def _optional(
    replay: Replay, plots: Mapping[str, Plotter], header: dict[str, Any]
) -> dict[str, Callable[[], Arrays]]:
    """Functions that give further arrays, by what they are, the most wanted first.

    That of the plots also tells the header what stands around them.
    """
    found: dict[str, Callable[[], Arrays]] = {"plots": lambda: _plots(replay, plots, header)}
    if not np.isnan(replay.values).all():
        found["values"] = lambda: {"values": rounded(replay.values)}
    if replay.observed is not None and replay.prediction is not None:
        predicted, observed = replay.prediction, replay.observed
        found["predictions"] = lambda: {
            "prediction": coarse(predicted),
            "observed": coarse(observed),
            "error": _stacked(replay, error),
        }
    if replay.occupancy is not None:
        heat = replay.occupancy
        found["occupancy"] = lambda: {"occupancy": coarse(heat)}
    if replay.belief is not None:
        map_ = replay.belief
        found["belief"] = lambda: {"belief": coarse(map_)}
    if replay.concept_read is not None and replay.concept_truth is not None:
        read, truth = replay.concept_read, replay.concept_truth
        found["concepts"] = lambda: {
            "concept_taken": read.argmax(axis=-1).astype(np.uint8),
            "concept_sure": read.max(axis=-1),
            "concept_truth": np.where(truth < 0, NO_VALUE, truth).astype(np.uint8),
        }
    if replay.spread is not None:
        about = replay.spread
        found["spread"] = lambda: {"spread": rounded(about)}
    return found


def _cost(replay: Replay, word: str) -> int:
    """About how many bytes an entry of `_optional` takes."""
    arrays = {
        "plots": (replay.reward, replay.influence),
        "values": (replay.values,),
        "predictions": (replay.prediction, replay.observed),
        "occupancy": (replay.occupancy,),
        "belief": (replay.belief,),
        "concepts": () if replay.concept_truth is None else (replay.concept_truth,) * 2,
        "spread": (replay.spread,),
    }
    return sum(array.nbytes for array in arrays[word] if array is not None)


def _stacked(replay: Replay, measure: Any, scale: int | None = None) -> Shaped[np.ndarray, "E T M"]:
    """A measure of every episode and novice. scale: the integer that stands for 1; None keeps it float32."""
    result = np.zeros(replay.source.shape, np.float32 if scale is None else np.uint8)
    for episode in range(replay.episodes):
        for novice in range(len(replay.novices)):
            row = measure(replay, episode, novice)
            result[episode, : len(row), novice] = row if scale is None else np.rint(row * scale)
    return result


def _plots(replay: Replay, plots: Mapping[str, Plotter], header: dict[str, Any]) -> Arrays:
    """The lines of every plot: episodes, novices (1 if they share the lines), lines, steps."""
    found = {}
    for number, (title, plotter) in enumerate(plots.items()):
        drawn, name = _drawn(replay, plotter), f"plot{number}"
        texts = [_texts(one) for one in drawn[0]]
        header["plots"].append({"tab": title, "array": name, "novices": texts})
        count = max((len(one.lines) for row in drawn for one in row if isinstance(one, Plot)), default=0)
        if not count:
            continue
        shape = (replay.episodes, max(map(len, drawn)), count, replay.action.shape[1])
        lines = np.full(shape, np.nan, np.float32)
        for episode, row in enumerate(drawn):
            for novice, one in enumerate(row):
                if isinstance(one, Plot):
                    rows, steps = one.lines.shape
                    lines[episode, novice, :rows, :steps] = one.lines
        found[name] = rounded(lines)
    return found


def _drawn(replay: Replay, plotter: Plotter) -> list[list[Plot | str]]:
    """A plot of every episode and novice, or of the first novice where it is the same for all."""
    rows = []
    for episode in range(replay.episodes):
        row: list[Plot | str] = []
        for novice in range(len(replay.novices)):
            one = _attempt(plotter, replay, episode, novice)
            row.append(one)
            if isinstance(one, Plot) and not one.of_novice:
                break
        rows.append(row)
    return rows


def _attempt(plotter: Plotter, replay: Replay, episode: int, novice: int) -> Plot | str:
    """A plot, or a line that says why there is none; the plotter may be anybody's."""
    try:
        return plotter(Scene(replays=(replay,), names=("",), episode=episode, novice=novice))
    except Exception as error:
        return f"This cannot be shown: {type(error).__name__}: {error}".partition("\n")[0]


def _texts(plot: Plot | str) -> dict[str, Any]:
    if isinstance(plot, str):
        return {"missing": plot}
    return {
        "title": plot.title,
        "names": plot.names,
        "colours": plot.colours,
        "unit": plot.unit,
        "after": plot.after,
    }


def rounded(values: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """The numbers to 16 binary digits (5 decimal ones), so that their lowest bytes compress to nothing."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + np.uint32(1 << 7)) & np.uint32(0xFFFFFF00)).view(np.float32)


def coarse(image: UInt8[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """The picture in LEVELS levels of grey, 0..LEVELS - 1."""
    return np.rint(image / np.float32(255 / (LEVELS - 1))).astype(np.uint8)


def _planes(array: Shaped[np.ndarray, "..."]) -> bytes:
    """The bytes of an array, plane by plane."""
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return data.reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()


def _packed(header: dict[str, Any], arrays: Arrays) -> bytes:
    header["arrays"] = [[key, KINDS[array.dtype.name], list(array.shape)] for key, array in arrays.items()]
    text = json.dumps(header, allow_nan=False).encode("utf-8", "replace")
    parts = [np.uint32(len(text)).astype("<u4").tobytes(), text, *map(_planes, arrays.values())]
    return gzip.compress(b"".join(parts), 6, mtime=0)


def unpack(data: bytes) -> tuple[dict[str, Any], Arrays]:
    """The header and the arrays of a packed replay, as the page gets them."""
    raw = gzip.decompress(data)
    at = 4 + int(np.frombuffer(raw, "<u4", 1)[0])
    header = json.loads(raw[4:at])
    arrays: Arrays = {}
    for key, kind, shape in header["arrays"]:
        item, count = np.dtype(f"<{kind}"), int(np.prod(shape, dtype=int))
        planes = np.frombuffer(raw, np.uint8, count * item.itemsize, at).reshape(item.itemsize, count)
        arrays[key] = np.ascontiguousarray(planes.T).view(item).reshape(shape)
        at += count * item.itemsize
    return header, arrays
