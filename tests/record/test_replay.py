"""Replays: what is saved is loaded again, and every kind of bad file is refused in one line that names it."""

import dataclasses
import io
import json
import random
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from socialrl.record import archive as module
from socialrl.record import replay_format
from socialrl.record.replay import Replay, load, save
from socialrl_envs.errors import SocialRLError
from socialrl_envs.picture import HIDDEN, Picture
from socialrl_envs.render import draw
from socialrl_envs.visibility import ViewSpec
from tests.record.synthetic import make_replay, with_concepts


@pytest.fixture(scope="module")
def replay():
    return make_replay()


@pytest.fixture
def path(tmp_path, replay):
    save(tmp_path / "good.npz", replay)
    return tmp_path / "good.npz"


def parts(path) -> tuple[dict, dict]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    return json.loads(arrays.pop("header").tobytes()), arrays


def rewrite(path, header, arrays) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    np.savez(path, header=np.frombuffer(text, np.uint8), **arrays)


def refused(path, *words: str) -> str:
    """Loading must end in one line that names the file and each of these words."""
    with pytest.raises(SocialRLError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(path), *words):
        assert word in message
    return message


USUAL = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167))


def as_version_3(path, world: dict, actions: list[str] | None = None, size: int = 7) -> Replay:
    """The replay of a file as version 3 would have written it, with these settings of its world."""
    header, arrays = parts(path)
    header |= {"version": 3, "world": header["world"] | world, "scale": header.pop("value_unit")}
    header |= {"actions": actions or header["actions"], "obs_shape": [size, size, header["obs_shape"][2]]}
    for key in ("movement", "view", "colours", "concepts"):
        del header[key]
    rewrite(path, header, arrays)
    return load(path)


def test_old_headers_give_seats_the_colours_of_the_world(path):
    seats = {
        "novices": 1,
        "experts": [{"policy": "planner", "colour": "#0a141e"}, {"policy": "planner", "colour": None}],
        "coplayers": [{"policy": "wanderer", "colour": "#FF0000"}],
    }
    own = as_version_3(path, seats)
    assert own.colours == own.picture(0, 0).colours == (USUAL[0], (10, 20, 30), USUAL[2], (255, 0, 0))


def test_old_headers_with_strange_seats_have_the_usual_colours(path):
    strange = {"novices": 10**9, "experts": [{"colour": "red"}, 7], "coplayers": {"colour": "#ff0000"}}
    assert as_version_3(path, strange).colours == USUAL


TURNS = ["left", "right", "forward", "pick", "drop"]


@pytest.mark.parametrize(
    ("world", "actions", "size", "movement", "view"),
    [
        ({}, None, 7, "cardinal", ViewSpec(kind="partial", size=7)),
        ({"observation": "grid"}, None, 8, "cardinal", ViewSpec(kind="grid", size=8)),
        ({"observation": "window"}, None, 17, "cardinal", ViewSpec(kind="window", size=17)),
        ({"observation": ["?"]}, None, 7, "cardinal", ViewSpec(kind="grid", size=7)),
        ({"observation": "partial"}, None, 0, "cardinal", ViewSpec(kind="grid", size=1)),
        ({}, TURNS, 7, "turning", ViewSpec(kind="egocentric", size=7, occlusion=True)),
        ({"occlusion": False}, TURNS, 5, "turning", ViewSpec(kind="egocentric", size=5)),
    ],
)
def test_old_headers_give_movement_and_view(path, world, actions, size, movement, view):
    old = as_version_3(path, world, actions, size)
    assert (old.movement, old.view, old.value_unit) == (movement, view, "reward")
    assert old.picture(0, 0).headings == (movement == "turning")


def test_the_header_alone_says_how_a_replay_is_drawn(tmp_path):
    """A replay of a world that is not installed."""
    replay = make_replay(
        (6, 4),
        world={"name": "a_world_of:somebody_else"},
        movement="turning",
        view=ViewSpec(kind="egocentric", size=5, occlusion=True),
        colours=((1, 2, 3), *USUAL[1:]),
        notes=np.full((2, 7, 11, 11), ord("K"), np.uint8),
        kinds=np.full((2, 7, 11, 11), HIDDEN, np.uint8),
    )
    save(tmp_path / "a.npz", replay)
    found = load(tmp_path / "a.npz")
    same(replay, found)
    picture = found.picture(1, 4, seat=0)
    assert picture.headings
    assert picture.seat == 0
    assert picture.colours == replay.colours
    assert (picture.notes == ord("K")).all()
    assert picture.visible is not None
    assert 0 < picture.visible.sum() < 25
    assert (draw(picture) != draw(load(tmp_path / "a.npz").picture(1, 3, seat=0))).any()


def same(a: Replay, b: Replay) -> None:
    for field in dataclasses.fields(Replay):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, field.name
            np.testing.assert_array_equal(one, other, err_msg=field.name)
        elif field.name == "level":
            assert one.keys() == other.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], other[key])
        else:
            assert one == other, field.name


def test_round_trip(path, replay):
    same(replay, load(path))


def test_round_trip_with_all_optional_parts_and_two_novices(tmp_path):
    rng = np.random.default_rng(1)
    replay = make_replay(
        (5, 3),
        novices=2,
        preferences=None,
        reset_key=rng.integers(2**32, size=(2, 2), dtype=np.uint32),
        step_key=rng.integers(2**32, size=(2, 5, 2), dtype=np.uint32),
        checksum=rng.integers(2**32, size=(2, 6), dtype=np.uint32),
        level={"tiles": np.zeros((2, 11, 11), np.uint8), "numbers.penalty": np.ones((2,), np.float32)},
    )
    save(tmp_path / "a.npz", replay)
    same(replay, load(tmp_path / "a.npz"))


def test_accessors(replay):
    assert replay.episodes == 2
    assert [replay.steps(e) for e in range(2)] == [40, 25]
    assert replay.states("tiles", 1).shape == (26, 11, 11)
    assert replay.during("values", 1).shape == (25, 1, 4, 5)
    np.testing.assert_array_equal(replay.returns(1), replay.reward[1, :25].sum(axis=0))
    picture = replay.picture(1, 25)
    assert isinstance(picture, Picture)
    np.testing.assert_array_equal(picture.position, replay.position[1, 25])
    with pytest.raises(SocialRLError, match=r"step 26 of episode 1.*0\.\.25"):
        replay.picture(1, 26)
    assert (replay.seat_of(0), replay.seat_of(2)) == (0, 2)


def test_sources_that_do_not_say_whom_have_colours_and_signs_of_their_own(replay):
    names = ("self", "following anyone", "imitation expert_1", "emulation anyone")
    mixed = dataclasses.replace(replay, sources=names, source_seats=(None, None, 2, None))
    assert mixed.source_marks == ("", "F", "Ci", "E")
    none, following, imitation, emulation = mixed.source_colours
    assert none is None
    assert imitation == replay.colours[2]
    assert len({following, emulation, *replay.colours}) == 2 + len(replay.colours)
    assert (mixed.colour_of(0), mixed.mark_of(0)) == (replay.colours[0], "A")
    assert replay.source_marks == ("", "B", "C", "D")


def test_share_counts_real_steps_only(replay):
    share = replay.share(1)
    assert list(share) == ["self", "expert_0", "expert_1", "wanderer_0"]
    assert share["self"] == pytest.approx((replay.source[1, :25, 0] == 0).mean())
    total = np.concatenate([replay.source[0, :40, 0], replay.source[1, :25, 0]])
    assert replay.share()["expert_1"] == pytest.approx((total == 2).mean())
    assert sum(replay.share().values()) == pytest.approx(1)


def test_a_replay_is_small(tmp_path):
    """At most 100 bytes per step and seat, with keys, checksums, influence and the spread of an ensemble."""
    rng = np.random.default_rng(0)
    more = {
        "step_key": rng.integers(2**32, size=(1, 1000, 2), dtype=np.uint32),
        "checksum": rng.integers(2**32, size=(1, 1001), dtype=np.uint32),
        "influence": rng.random((1, 1000, 1)).astype(np.float32),
        "spread": rng.random((1, 1000, 1, 4, 5)).astype(np.float32),
    }
    save(tmp_path / "a.npz", make_replay((1000,), **more))
    assert (tmp_path / "a.npz").stat().st_size <= 100 * 1000 * 4


def test_an_inconsistent_replay_is_not_written(tmp_path, replay):
    path = tmp_path / "a.npz"
    with pytest.raises(SocialRLError, match="source_seats must be 4"):
        save(path, dataclasses.replace(replay, source_seats=(None, 1)))
    with pytest.raises(SocialRLError, match="cannot be JSON"):
        save(path, dataclasses.replace(replay, world={"name": "coin_grid", "x": object()}))
    with pytest.raises(SocialRLError, match=r"source holds 9, it must be in 0\.\.3"):
        save(path, dataclasses.replace(replay, source=np.full_like(replay.source, 9)))
    assert not path.exists()


# Bad files


def test_missing(tmp_path):
    refused(tmp_path / "none.npz", "No such file")
    refused(tmp_path, "Is a directory")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x00" * 5000])
def test_foreign_bytes(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "not a replay")


def test_foreign_archives(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(3))
    refused(path, "not a socialrl replay")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(path, "not a socialrl replay")
    rewrite(path, {"format": "other", "version": 1}, {})
    refused(path, "not a socialrl replay")


def test_pickles_are_never_read(tmp_path, path):
    header, arrays = parts(path)
    np.savez(
        path,
        header=np.frombuffer(json.dumps(header).encode(), np.uint8),
        **(arrays | {"source": np.array([{}, 1])}),
    )
    refused(path, "source", "plain numbers")


def test_truncated_anywhere(path):
    data = path.read_bytes()
    for cut in (1, 100, len(data) // 2, len(data) - 30, len(data) - 1):
        path.write_bytes(data[:cut])
        refused(path)


def test_flipped_bytes_never_crash(path):
    """Damage ends in a SocialRLError, or leaves a file that reads as the same replay (zip has bytes that
    nobody reads).
    """
    data = path.read_bytes()
    rng = random.Random(0)
    for _ in range(150):
        damaged = bytearray(data)
        start = rng.choice((0, len(data) // 2))
        for _ in range(rng.choice((1, 1, 4))):
            damaged[rng.randrange(start, len(data))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            load(path)
        except SocialRLError as error:
            assert str(path) in str(error)  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017


def test_other_versions(path):
    header, arrays = parts(path)
    rewrite(path, header | {"version": 6}, arrays)
    refused(path, "version 6", "reads 1 to 5")
    rewrite(path, header | {"version": True}, arrays)
    refused(path, "version unknown")
    rewrite(path, header | {"version": "\x1b[2J"}, arrays)
    refused(path, "version unknown")


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("version", replay_format.READABLE)
def test_every_released_version_opens(version):
    """One small file per version, by the program of that version; the newest one is from `python -m
    tests.record.lived`.
    """
    file = GOLDEN / f"v{version}.npz"
    assert file.stat().st_size < 20_000
    assert parts(file)[0]["version"] == version
    old = load(file)
    assert old.episodes == 2
    assert old.picture(1, old.steps(1)).present.any()
    assert old.value_unit == (None if version < 3 else "reward")
    turning = version > 1  # the file of version 1 is of coin_grid
    kind, size = "egocentric" if turning else "partial", old.obs_shape[0]
    assert old.movement == ("turning" if turning else "cardinal")
    assert old.view == ViewSpec(kind=kind, size=size, occlusion=turning)
    assert len(old.colours) == len(old.agents)


def test_concepts_come_back_and_fit_their_arrays(tmp_path):
    path, made = tmp_path / "good.npz", with_concepts(make_replay((6, 4)))
    save(path, made)
    back = load(path)
    assert back.concepts == made.concepts
    assert (back.concept_read == made.concept_read).all()
    assert (back.during("concept_truth", 1) == made.concept_truth[1, :4]).all()
    header, arrays = parts(path)
    rewrite(path, header | {"concepts": []}, arrays)
    refused(path, "no concepts, but an array concept_")
    rewrite(path, header, {name: a for name, a in arrays.items() if name != "concept_truth"})
    refused(path, "concepts, but no array concept_truth")
    rewrite(path, header, arrays | {"concept_truth": np.full_like(arrays["concept_truth"], 50)})
    refused(path, "concept_truth holds 50")
    for wrong in ({"kind": "odd"}, {"words": ["a"]}, {"radius": 9}, {"name": ""}, {"name": "goal"}):
        first, *others = header["concepts"]
        rewrite(path, header | {"concepts": [first | wrong, *others]}, arrays)
        refused(path, "concepts must be")


def test_a_key_that_an_old_version_did_not_have_is_unknown_there(path):
    header, arrays = parts(path)
    rewrite(path, header | {"version": 3}, arrays)
    refused(path, "unknown key")
    rewrite(path, header | {"scale": "reward"}, arrays)
    refused(path, "unknown key 'scale'")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("world", {}),
        ("world", "coin_grid"),
        ("agents", []),
        ("agents", ["a", "a", "b", "c"]),
        ("agents", ["a", "b\x00", "c", "d"]),
        ("agents", ["a", "b", "c", "d" * 300]),
        ("agents", ["a", "b"]),
        ("novices", [4]),
        ("novices", [0, 0]),
        ("novices", [-1]),
        ("novices", [True]),
        ("sources", ["self"]),
        ("source_seats", [0, 1, 2, 3]),
        ("source_seats", [None, 1, 2, 9]),
        ("actions", "up"),
        ("obs_shape", [7, 7]),
        ("obs_shape", [7, 7, 9]),
        ("channels", ["wall"]),
        ("preferences", [[1.0]]),
        ("preferences", [["1"]]),
        ("preferences", float("nan")),
        ("experiment", None),
        ("seed", -1),
        ("step", 1.5),
        ("versions", {"jax": 1}),
        ("value_unit", "utility"),
        ("value_unit", []),
        ("movement", "flying"),
        ("movement", {}),
        ("view", {}),
        ("view", {"kind": "grid", "size": 7}),
        ("view", {"kind": ["grid"], "size": 7, "occlusion": False}),
        ("view", {"kind": "partial", "size": 4, "occlusion": False}),
        ("view", {"kind": "grid", "size": 10**9, "occlusion": False}),
        ("view", {"kind": "egocentric", "size": 7, "occlusion": 1}),
        ("view", {"kind": "egocentric", "size": True, "occlusion": True}),
        ("colours", ["#0072b2"]),
        ("colours", ["red", "#0072b2", "#0072b2", "#0072b2"]),
        ("colours", [7, "#0072b2", "#0072b2", "#0072b2"]),
    ],
)
def test_bad_header_values(path, key, value):
    header, arrays = parts(path)
    rewrite(path, header | {key: value}, arrays)
    refused(path, "header" if key != "agents" else "")


@pytest.mark.parametrize("key", sorted(replay_format.HEADER.keys() - {"format", "version"}))
def test_missing_header_keys(path, key):
    header, arrays = parts(path)
    del header[key]
    rewrite(path, header, arrays)
    refused(path, f"{key} is missing")


def test_unknown_keys_name_the_nearest(path):
    header, arrays = parts(path)
    rewrite(path, header | {"novice": [0]}, arrays)
    refused(path, "'novice'", "did you mean 'novices'?")
    rewrite(path, header, arrays | {"sources": arrays["source"]})
    refused(path, "'sources'", "did you mean 'source'?")


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b'{"format": 1e999}'])
def test_header_that_is_not_json(path, text):
    _, arrays = parts(path)
    rewrite(path, text, arrays)
    refused(path)


@pytest.mark.parametrize("name", sorted(replay_format.ARRAYS))
def test_every_array_is_checked(path, name):
    header, arrays = parts(path)
    rewrite(path, header, {key: value for key, value in arrays.items() if key != name})
    refused(path, f"{name} is missing")
    rewrite(path, header, arrays | {name: arrays[name].astype(np.float64)})
    refused(path, name, "float64")
    rewrite(path, header, arrays | {name: arrays[name][..., None]})
    refused(path, name, "shape")
    rewrite(path, header, arrays | {name: arrays[name][:1]})
    refused(path, "shape")
    rewrite(path, header, arrays | {name: arrays[name][:0]})
    refused(path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("length", 0, "1..40"),
        ("length", 41, "1..40"),
        ("position", 11, "0..10"),
        ("heading", 4, "0..3"),
        ("action", 5, "0..4"),
        ("action", -1, "0..4"),
        ("source", 4, "0..3"),
        ("source", -1, "0..3"),
        ("reward", np.nan, "finite"),
        ("values", np.inf, "infinite"),
        ("influence", -np.inf, "infinite"),
        ("notes", 127, "0..126"),
        ("kinds", 10, "0..9"),
    ],
)
def test_values_out_of_range(path, name, value, says):
    header, arrays = parts(path)
    arrays |= {"notes": np.zeros_like(arrays["tiles"]), "kinds": np.zeros_like(arrays["tiles"])}
    arrays[name].flat[0] = value
    rewrite(path, header, arrays)
    refused(path, name, says)


def test_booleans_that_are_neither(path):
    header, arrays = parts(path)
    arrays["present"].view(np.uint8)[0, 0, 0] = 7
    rewrite(path, header, arrays)
    refused(path, "present", "neither")


def test_level_arrays_are_checked(path):
    header, arrays = parts(path)
    rewrite(path, header, arrays | {"level_tiles": np.zeros((3, 2), np.uint8)})
    refused(path, "level_tiles", "2 episodes")
    rewrite(path, header, arrays | {"level_tiles": np.array(["a", "b"])})
    refused(path, "level_tiles", "plain numbers")


def member(shape: str, descr: str = "|u1", data: bytes = b"") -> bytes:
    """An .npy file that announces a shape and carries other data."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(2, 99999999999999999999)", "(-1, 41, 11, 11)", "(" + "1," * 70 + ")"]
)
def test_announced_sizes_are_not_believed(path, shape):
    header, arrays = parts(path)
    del arrays["tiles"]
    rewrite(path, header, arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiles.npy", member(shape, data=b"\0" * 1000))
    tracemalloc.start()
    refused(path, "tiles")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_oversized(path, monkeypatch):
    header, arrays = parts(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("header.npy", "w") as file:
        for _ in range(6):
            file.write(bytes(2**20))
    refused(path, "header", "6,291,456")
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    rewrite(path, header, arrays)
    refused(path, "MiB")
    with pytest.raises(SocialRLError, match="too large to be read back"):
        save(path, make_replay())


def test_a_member_that_unpacks_to_more_than_it_says_is_refused_cheaply(path):
    """The sizes in the directory of a zip file are claims; 200 MB of zeros claim to be one array of the right
    size.
    """
    header, arrays = parts(path)
    right = io.BytesIO()
    np.save(right, arrays.pop("source"))
    rewrite(path, header, arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("source.npy", "w") as file:
        file.write(right.getvalue())
        for _ in range(200):
            file.write(bytes(10**6))
        # the directory is written when the archive closes
    data = bytearray(path.read_bytes())
    full = (200 * 10**6 + len(right.getvalue())).to_bytes(4, "little")
    data = data.replace(full, len(right.getvalue()).to_bytes(4, "little"))
    path.write_bytes(data)
    tracemalloc.start()
    refused(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_other_kinds_of_members(path):
    header, arrays = parts(path)
    rewrite(path, header, arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("level_x.npy", member("(2,)", data=b"\0\0"))
    refused(path, "not a socialrl replay")
    rewrite(path, header, arrays)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("source.npy", b"")
    refused(path, "not a socialrl replay")
    for name in ("../../source", "/etc/passwd", "level", "sou\x1b[2Jrce"):
        rewrite(path, header, arrays | {name: np.zeros(2)})
        assert refused(path, "unknown array", repr(name)).isprintable()
    rewrite(path, header, arrays | {f"level_{i}": np.zeros(2) for i in range(200)})
    refused(path, "at most 128")


def test_a_loaded_replay_cannot_be_changed(path):
    """Nothing in a loaded replay can be changed by mistake."""
    with pytest.raises(ValueError, match="read-only"):
        load(path).reward[0, 0, 0] = 1
