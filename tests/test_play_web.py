"""Seats as pages: the rules of the room, the server with real clients and bad ones, and two real browsers."""

import asyncio
import contextlib
import functools
import http.client
import json
import socket
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialrl.play import commands
from socialrl.play.session import SharedSession
from socialrl.play.web.limits import Bucket
from socialrl.play.web.messages import FIELDS, TYPES, Message, Refused, parse
from socialrl.play.web.room import GRACE, Room
from socialrl.record.demonstrations import read_demonstrations
from socialrl.record.replay import load
from socialrl.record.resimulation import resimulate
from socialrl_envs.errors import SocialRLError
from tests.report import browser
from tests.test_play import coins, failure

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

from socialrl.play.web import server  # noqa: E402

A, B = "novice_0", "expert_0"
STAY, UP = 4, 0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Still(SharedSession):
    """A session of which nothing is computed."""

    def __init__(self, away: tuple[int, ...] = (), agent: bool = False):
        self.cast, self.seats, self.away, self.agent = coins(), (0, 1), away, agent
        self.world, self.spec, self.begun = self.cast.world, self.cast.spec, 1
        self.given: list[tuple[bool, str]] = []

    ended = False

    @property
    def explains(self) -> bool:
        return self.agent

    def mark(self, good: bool, annotator: str = "me") -> bool:
        self.given.append((good, annotator))
        return True

    def is_present(self, seat: int) -> bool:
        return seat not in self.away

    def begin(self) -> None:
        self.begun += 1


@pytest.fixture
def clock():
    return Clock()


def seated(room: Room) -> Room:
    for name in room.people:
        room.sit(name, "")
    return room


# The room.


def test_a_step_waits_for_everybody_on_the_grid(clock):
    room = Room(Still(), None, clock)
    room.sit(A, "")
    room.press(A, UP)
    assert room.due() is None
    assert room.waits_for(A) == "waiting for somebody to take expert_0"
    room.sit(B, "")
    assert room.due() is None
    assert (room.waits_for(A), room.waits_for(B)) == ("waiting for expert_0 to move", "your move")
    room.press(B, 2)
    assert room.due() == (UP, 2)
    assert room.due() is None
    away = seated(Room(Still(away=(1,)), None, clock))
    away.press(A, UP)
    assert away.due() == (UP, STAY)


def test_in_real_time_a_held_key_acts_and_else_nothing_happens(clock):
    room = seated(Room(Still(), 4, clock))
    assert room.due() == (STAY, STAY)
    assert room.due() is None
    clock.now += 0.25
    room.press(A, UP)
    room.press(B, 1)
    room.release(B, 1)  # between two steps: it still counts once
    assert room.due() == (UP, 1)
    clock.now += 0.25
    assert room.due() == (UP, STAY)
    room.lose(B)
    clock.now += 10
    assert room.due() is None
    assert room.waits_for(A) == "waiting for expert_0 to come back"


def test_a_seat_is_kept_for_its_browser_and_for_no_other(clock):
    room = Room(Still(), None, clock)
    key = room.sit(A, "")
    with pytest.raises(Refused, match=r"^novice_0 is taken by another browser\.$"):
        room.sit(A, "guess")
    room.lose(A)
    with pytest.raises(Refused, match="It is kept for a minute"):
        room.sit(A, "")
    assert room.sit(A, key) == key
    room.lose(A)
    clock.now += GRACE + 1
    other = room.sit(A, "")
    assert other != key
    with pytest.raises(Refused, match="taken"):
        room.sit(A, key)
    with pytest.raises(Refused, match=r"no seat 'expert_9' for a person \(did you mean 'expert_0'"):
        room.sit("expert_9", "")


def test_the_next_episode_and_the_end_need_all_who_are_here(clock):
    session = Still()
    room = seated(Room(session, None, clock))
    room.press(A, UP)
    room.want(A, "next")
    assert (session.begun, room.wanting("next")) == (1, [A])
    room.want(B, "next")
    assert (session.begun, room.wanting("next")) == (2, [])
    assert room.people[A].chosen is None
    room.lose(B)
    room.want(A, "end")
    assert room.over
    assert room.due() is None


def test_marks_are_a_trained_agents_and_are_kept_or_refused(clock):
    with pytest.raises(Refused, match="--record"):
        seated(Room(Still(), None, clock, marking=True)).mark(A, True)
    session = Still(agent=True)
    room = seated(Room(session, None, clock, marking=True))
    room.mark(B, False)
    assert session.given == [(False, B)]
    with pytest.raises(Refused, match="--record"):
        seated(Room(session, None, clock)).mark(A, True)


def test_messages_are_checked():
    assert parse('{"type": "press", "action": 3}', 5) == Message(type="press", action=3)
    assert parse('{"type": "sit", "seat": "expert_0"}', 5) == Message(type="sit", seat="expert_0")
    for text, said in (
        ("", "not readable as JSON"),
        ("{", "not readable as JSON"),
        (b'{"type": "next"}', "text, not bytes"),
        ("[" * 500, "nested more than"),
        ("[1]", "a JSON object"),
        (" " * 2001, "at most 2000 characters"),
        ('{"type": 1}', "unknown type of message"),
        ('{"type": "pres"}', "did you mean 'press'"),
        ('{"type": "press"}', "action is missing"),
        ('{"type": "press", "action": 5}', "action must be below 5"),
        ('{"type": "press", "action": true}', "action must be the number of an action"),
        ('{"type": "press", "action": 1e400}', "action must be the number"),
        ('{"type": "look", "fog": 1, "theme": "light"}', "fog must be true or false"),
        ('{"type": "sit", "seat": "a\\n<script>"}', "seat must be the name of a seat"),
        ('{"type": "mark", "good": 1}', "good must be true or false"),
        ('{"type": "next", "x": 1}', "unknown field 'x'"),
    ):
        with pytest.raises(Refused, match=said) as caught:
            parse(text, 5)
        assert "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "type"]), inner),
    max_leaves=5,
)
SENT = (
    st.text()
    | st.binary()
    | VALUES.map(json.dumps)
    | st.builds(
        lambda kind, rest: json.dumps({**rest, "type": kind}),
        st.sampled_from([*TYPES]),
        st.dictionaries(st.sampled_from([*FIELDS]), VALUES, max_size=2),
    )
)


@settings(max_examples=150, deadline=None)
@given(SENT)
def test_whatever_is_sent_is_a_message_or_is_refused(sent):
    with contextlib.suppress(Refused):
        assert parse(sent, 5).action < 5


def test_the_page_asks_nobody_else_and_makes_no_markup():
    for name, _ in server.FILES.values():
        text = server.file(name).decode()
        assert "http" not in text
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text


def test_a_bucket_allows_a_burst_and_then_a_rate(clock):
    bucket = Bucket(10, 3, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.11
    assert [bucket.take() for _ in range(2)] == [True, False]


# The server, in a thread of its own, with one session for all tests of the module.


@functools.cache
def session() -> SharedSession:
    made = SharedSession(coins(), (0, 1), seed=3)
    made.prepare()
    return made


@contextlib.contextmanager
def served(fps=None):
    listener = server.listen(0)
    table = server.Table(Room(session(), fps), listener.getsockname()[1])
    runs = table.server()
    thread = threading.Thread(target=runs.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield table, thread
    finally:
        runs.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture
def table():
    session().begin()
    with served() as (made, _):
        yield made


class Browser:
    """A client that keeps the newest message of each type."""

    def __init__(self, table, seat="", key=""):
        host = f"127.0.0.1:{table.port}"
        url = f"ws://{host}/{table.token}/socket"
        self.socket = client.connect(url, origin=f"http://{host}").__enter__()
        self.newest: dict[str, dict] = {}
        self.wait(lambda: "lobby" in self.newest)
        if seat:
            self.say(type="sit", seat=seat, key=key)

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def wait(self, until, seconds=30):
        """Reads until the condition holds."""
        end = time.monotonic() + seconds
        while not until():
            message = json.loads(self.socket.recv(max(0, end - time.monotonic())))
            self.newest[message["type"]] = message

    def refused(self, frame) -> str:
        """The line that answers a frame."""
        self.newest.pop("error", None)
        self.socket.send(frame)
        self.wait(lambda: "error" in self.newest)
        return self.newest["error"]["line"]

    def at(self, step):
        self.wait(lambda: self.newest.get("scene", {}).get("time") == step)
        return self.newest["scene"]

    def closed(self) -> tuple[int, str]:
        """The code and the line with which the server closes."""
        with pytest.raises(ConnectionClosed) as caught:
            self.wait(lambda: False)
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code, caught.value.rcvd.reason


def ask(table, path, method="GET", host=None):
    """(status, headers, body) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", table.port, timeout=20)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{table.port}"})
    answer = connection.getresponse()
    found = answer.status, dict(answer.headers), answer.read()
    connection.close()
    return found


def test_two_people_play_and_a_lost_connection_comes_back(table):
    one, two = Browser(table, A), Browser(table, B)
    one.wait(lambda: one.newest.get("scene", {}).get("waits") == "your move")
    (other,) = one.newest["scene"]["others"]
    assert (other["name"], other["letter"], other["about"]) == (B, "B", "a person")
    one.say(type="press", action=UP)
    two.say(type="press", action=STAY)
    assert one.at(1)["words"].startswith("You are in row ")
    two.wait(lambda: "seated" in two.newest)
    key = two.newest["seated"]["key"]
    two.socket.close()
    one.wait(lambda: one.newest["scene"]["waits"] == "waiting for expert_0 to come back")
    assert one.newest["scene"]["others"][0]["about"] == "a person, not connected"
    stranger = Browser(table)
    assert "taken by another browser. It is kept" in stranger.refused('{"type": "sit", "seat": "expert_0"}')
    again = Browser(table, B, key)
    again.at(1)
    assert "taken by another browser." in stranger.refused('{"type": "sit", "seat": "expert_0"}')
    one.say(type="press", action=STAY)
    again.say(type="press", action=STAY)
    one.at(2)
    newest = Browser(table, B, key)  # the same seat in another tab
    assert again.closed() == (server.REPLACED, "this seat was opened in another tab")
    newest.say(type="press", action=STAY)
    one.say(type="press", action=STAY)
    one.at(3)
    newest.say(type="leave")
    newest.wait(lambda: any(seat["free"] for seat in newest.newest["lobby"]["seats"]))
    stranger.say(type="sit", seat=B)
    stranger.at(3)
    for each in (one, newest, stranger):
        each.socket.close()


def test_what_is_no_message_is_answered_and_ends_nothing(table):
    one = Browser(table, A)
    one.at(0)
    stranger = Browser(table)
    assert stranger.refused('{"type": "press", "action": 0}') == "take a seat first"
    assert "not readable as JSON" in stranger.refused("rubbish")
    assert stranger.refused(b"\0\xff") == "a message is text, not bytes"
    assert "at most 2000 characters" in stranger.refused("x" * 2001)
    assert "you sit on novice_0 already" in one.refused('{"type": "sit", "seat": "novice_0"}')
    stranger.socket.send("x" * 100_000)
    assert stranger.closed()[0] == 1009  # too large to be read at all
    flood = Browser(table)
    with contextlib.suppress(ConnectionClosed):
        for _ in range(300):
            flood.socket.send('{"type": "next", "x": 1}')
    assert flood.closed() == (server.TOO_MUCH, "too many messages that were not followed")
    for data in (b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000):
        raw = socket.create_connection(("127.0.0.1", table.port), timeout=20)
        with contextlib.closing(raw), contextlib.suppress(OSError):
            raw.sendall(data)
            raw.recv(100)
    one.say(type="look", fog=False, theme="dark")
    one.wait(lambda: not one.newest["scene"]["fog"])
    one.socket.close()


def test_only_who_knows_the_address_and_comes_from_the_page_gets_in(table):
    host = f"127.0.0.1:{table.port}"
    status, headers, body = ask(table, f"/{table.token}/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"<script type=" in body
    assert ask(table, f"/{table.token}/play.js")[0] == ask(table, f"/{table.token}/play.css")[0] == 200
    for path in (
        "/",
        "/x/",
        f"/{table.token[:-1]}/",
        f"/{table.token}/../room.py",
        f"/{table.token}/server.py",
    ):
        assert ask(table, path)[0] == 404, path
    assert ask(table, f"/{table.token}/", host="evil.example")[0] == 404
    assert ask(table, f"/{table.token}/", method="POST")[0] in (404, 405)
    url = f"ws://{host}/{table.token}/socket"
    for origin in (None, "null", "http://evil.example", "http://127.0.0.1:1", f"https://{host}"):
        with pytest.raises(InvalidStatus, match="403"), client.connect(url, origin=origin):
            pass
    wrong = f"ws://{host}/wrong/socket"
    with pytest.raises(InvalidStatus, match="403"), client.connect(wrong, origin=f"http://{host}"):
        pass
    with client.connect(url, origin=f"http://localhost:{table.port}") as welcome:
        assert json.loads(welcome.recv(20))["type"] == "lobby"
    table.requests = Bucket(0, 2)
    assert [ask(table, "/")[0] for _ in range(4)] == [404, 404, 429, 429]


def test_in_real_time_the_server_takes_the_steps():
    session().begin()
    with served(fps=50) as (table, _):
        one, two = Browser(table, A), Browser(table, B)
        one.at(6)
        assert one.newest["scene"]["ended"] == "time is up"
        for each in (one, two):
            each.say(type="next")
        one.wait(lambda: one.newest["scene"]["ended"] is None)
        one.at(6)
        for each in (one, two):
            each.socket.close()


@pytest.mark.skipif(browser.find() is None, reason="no Chromium, see tests/report/browser.py")
def test_two_browsers_play_to_the_end_and_the_files_are_those_of_play(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "cast", lambda *_: coins())
    monkeypatch.setattr(commands, "SharedSession", lambda *_: SharedSession(coins(), (0, 1), seed=7))
    files = {"replay": tmp_path / "replay.npz", "demonstrations": tmp_path / "demonstrations.npz"}

    def serve(played, fps, port):
        listener = server.listen(port)
        table = server.Table(Room(played, fps), listener.getsockname()[1])
        runs = table.server()
        thread = threading.Thread(target=runs.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            tour(table, runs, tmp_path)
        finally:
            table.stop()
            thread.join(20)
            listener.close()
        assert not thread.is_alive()

    assert commands.play_web("coin_grid", seats=[A, B], seed=7, serve=serve, **files) == list(files.values())
    kept, found = load(files["replay"]), read_demonstrations(files["demonstrations"])
    assert resimulate(kept).text == "re-simulated: as recorded"
    assert kept.arm == "people as novice_0, expert_0"
    np.testing.assert_array_equal(kept.during("action", 0), [[0, 3], [1, 1], [0, 4], [1, 4], [4, 4], [4, 0]])
    assert (found.seats, found.actors, found.length.tolist()) == ((A, B), ("person", "person"), [6, 1])
    np.testing.assert_array_equal(found.steps.action[:6, 0], kept.during("action", 0))


def tour(table, runs, tmp_path) -> None:
    """Two browsers play an episode of six steps and one of another; one of them loses its connection."""
    with (
        browser.tab(browser.find(), tmp_path / "1") as one,
        browser.tab(browser.find(), tmp_path / "2") as two,
    ):
        for tab, seat in ((one, 0), (two, 1)):
            tab.call(
                "Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False
            )
            tab.call("Page.navigate", url=table.address)
            until(tab, "document.querySelectorAll('#seats button').length == 2")
            tab.ask(f"document.querySelectorAll('#seats button')[{seat}].click()")
            until(tab, "document.getElementById('picture').naturalWidth > 0")
        until(one, "document.getElementById('pill').textContent == 'your move'")
        for step, (here, there) in enumerate([("w", "a"), ("ArrowRight", "d"), ("ArrowUp", " ")]):
            press(one, here)
            press(two, there)
            until(one, f"document.getElementById('time').textContent == 'step {step + 1} of 6'")
        two.call("Page.reload")
        until(two, "document.getElementById('you').textContent == 'expert_0'")
        assert two.ask("document.getElementById('game').hidden") is False
        one.ask(
            "document.querySelectorAll('#moves button')[1].dispatchEvent(new PointerEvent('pointerdown'))"
        )
        press(two, " ")
        until(one, "document.getElementById('time').textContent == 'step 4 of 6'")
        before = set(table.connections)
        cut(runs)
        end = time.monotonic() + 60
        while {each.seat for each in set(table.connections) - before} != {A, B}:  # they come by themselves
            assert time.monotonic() < end
            time.sleep(0.02)
        for tab in (one, two):
            until(tab, "document.getElementById('pill').textContent == 'your move'")
        for step, there in ((5, " "), (6, "w")):
            press(one, " ")
            press(two, there)
            until(two, f"document.getElementById('time').textContent == 'step {step} of 6'")
        assert two.ask("document.getElementById('pill').textContent").startswith("time is up: ")
        assert one.ask("document.documentElement.scrollWidth") <= 390
        press(two, "l")
        until(two, "!document.getElementById('lobby').hidden")
        two.ask("document.querySelectorAll('#seats button')[1].click()")
        until(two, "!document.getElementById('game').hidden")
        for tab in (one, two):
            press(tab, "n")
        for tab in (one, two):
            until(tab, "document.getElementById('episode').textContent.startsWith('episode 2')")
            press(tab, "ArrowDown")
        until(one, "document.getElementById('time').textContent == 'step 1 of 6'")
        for tab in (one, two):
            press(tab, "Escape")
            press(tab, "Escape")
        until(one, "document.getElementById('line').textContent == 'The game is over: 7 steps in all.'")
        for tab in (one, two):
            faults = [
                what for name, what in tab.events if name in ("Runtime.exceptionThrown", "Log.entryAdded")
            ]
            assert not [fault for fault in faults if "WebSocket" not in str(fault)]


def cut(runs) -> None:
    """Cuts all connections, as a network does."""
    for connection in list(runs.server_state.connections):
        connection.loop.call_soon_threadsafe(connection.transport.abort)


def until(tab, condition: str) -> None:
    end = time.monotonic() + 60
    while not tab.ask(f"Boolean(document.getElementById('line') && ({condition}))"):
        assert time.monotonic() < end, (condition, tab.ask("document.body.innerText"))
        time.sleep(0.02)


def press(tab, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=key)


# The command.


def test_ctrl_c_ends_the_game_and_the_address_is_printed(monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(server.uvicorn.Server, "run", stopped)
    server.run(Still())
    first, address = capsys.readouterr().out.splitlines()
    assert first.startswith("novice_0, expert_0: open this address")
    assert address.startswith("http://127.0.0.1:")


def test_a_step_that_fails_ends_the_game_and_is_raised(monkeypatch):
    listener = server.listen(0)
    table = server.Table(seated(Room(Still())), listener.getsockname()[1])
    listener.close()
    for name in table.room.people:
        table.room.press(name, STAY)
    ended = []
    table.stop = lambda: ended.append(True)
    monkeypatch.setattr(Still, "steps", 0)
    monkeypatch.setattr(Still, "step", lambda self, actions: 1 / 0)
    asyncio.run(table._advance())
    assert ended
    assert isinstance(table.failed, ZeroDivisionError)


def test_what_it_refuses_is_one_line(capsys):
    assert "--seat expert_0,expert_0: a seat is named twice" in failure(
        capsys, "play", "coin_grid", "--web", "--seat", "expert_0,expert_0"
    )
    assert "unknown seat 'expert_7'" in failure(capsys, "play", "coin_grid", "--web", "--seat", "expert_7")
    assert "are for --web" in failure(capsys, "play", "coin_grid", "--port", "80")
    assert "are for --web" in failure(capsys, "play", "coin_grid", "--seat", "novice_0,expert_0")
    with contextlib.closing(server.listen(0)) as taken:
        taken.listen()
        with pytest.raises(SocialRLError, match=r"--port: \d+: .*in use"):
            server.listen(taken.getsockname()[1])
    with pytest.raises(SocialRLError, match="--port: 70000"):
        server.listen(70000)
