"""The server of a room: a page and one WebSocket per browser, on the loopback address alone.

The address holds a secret token; whoever does not know it gets 404. Requests must name this host, and
WebSockets come from this page (`Origin`), so that neither another site in the same browser nor a rebound
name reaches the room. A connection that says too much, or too much that is no message, is closed.
"""

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from importlib import resources
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from socialrl.play.session import SharedSession
from socialrl.play.web.limits import Bucket
from socialrl.play.web.messages import MAX_LENGTH, Message, Refused, parse
from socialrl.play.web.room import Room
from socialrl.play.web.scene import drawn, lobby, scene, seated
from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real

HOST = "127.0.0.1"
FILES = {
    "": ("index.html", "text/html"),
    "play.js": ("play.js", "text/javascript"),
    "play.css": ("play.css", "text/css"),
}
REPLACED, TOO_MUCH, FULL, OVER = 4001, 4002, 4003, 4004  # codes with which a WebSocket is closed
MESSAGES, REQUESTS = (40, 80), (40, 120)  # per second, and at once: per connection, and of all
MAX_WRONG = 50  # messages in a row that were not followed
TICK = 0.01  # seconds between two looks at the clock in real time
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
GONE = "This is not the address of a game. It is printed where `socialrl play --web` runs.\n"


def run(session: SharedSession, fps: Real | None = None, port: int = 0, marking: bool = False) -> None:
    """Serves a session until all people agree on its end, or Ctrl-C. port: 0 takes a free one. marking: as of
    `Room`.

    Raises SocialRLError if the port is not free.
    """
    listener = listen(port)
    table = Table(Room(session, fps, marking=marking), listener.getsockname()[1])
    server = table.server()
    names = ", ".join(table.room.people)
    print(f"{names}: open this address in a browser on this machine; Ctrl-C ends the game\n{table.address}")
    with contextlib.closing(listener), contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if table.failed is not None:
        raise table.failed


def listen(port: int) -> socket.socket:
    """A socket on the loopback address; raises SocialRLError if it cannot be had."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)  # the address is printed now: who comes early waits
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "it must be from 0 to 65535"
        raise SocialRLError(f"--port: {port}: {reason}", "leave it out to take a free one") from error
    return listener


class Connection:
    """A browser's WebSocket, the seat it sits on ("" without one), and how it wants to see it."""

    def __init__(self, socket: WebSocket):
        self.socket, self.seat, self.fog, self.theme = socket, "", True, "light"
        self.bucket, self.wrong = Bucket(*MESSAGES), 0
        self.news = asyncio.Event()  # set when there is something new to see
        self.closing = False


class Table:
    """A room and the browsers around it. port: that it is served on. address: of the page."""

    def __init__(self, room: Room, port: int):
        self.room, self.port, self.token = room, port, secrets.token_urlsafe(16)
        self.hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self.connections: set[Connection] = set()
        self.requests = Bucket(*REQUESTS)
        self.lock = asyncio.Lock()  # of the session, on which worker threads compute
        self.stop: Callable[[], None] = lambda: None
        self.failed: Exception | None = None  # what a step raised
        routes = [Route("/{path:path}", self.page), WebSocketRoute("/{path:path}", self.talk)]
        self.app = Starlette(routes=routes, lifespan=self._lifespan)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def server(self) -> uvicorn.Server:
        """What serves the page."""
        config = uvicorn.Config(
            self.app,
            loop="asyncio",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=4 * MAX_LENGTH,
            ws_per_message_deflate=False,
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=200,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)

        def stop() -> None:
            server.should_exit = True

        self.stop = stop
        return server

    async def page(self, request: Request) -> Response:
        """A file of the page, 404 without the token, 429 where too much is asked for."""
        if not self.requests.take():
            return Response("too many requests\n", 429, HEADERS, "text/plain")
        path = self._path(request)
        found = None if path is None else FILES.get(path)
        if found is None or request.method not in ("GET", "HEAD"):
            return Response(GONE, 404, HEADERS, "text/plain")
        return Response(file(found[0]), 200, HEADERS, found[1])

    async def talk(self, websocket: WebSocket) -> None:
        """Everything that is said with one browser."""
        origin = websocket.headers.get("origin", "")
        if self._path(websocket) != "socket" or origin not in {f"http://{host}" for host in self.hosts}:
            await websocket.close()  # before it was accepted: 403
            return
        await websocket.accept()
        if len(self.connections) >= 8 + 8 * len(self.room.people):
            await self._close(websocket, FULL, "there are too many connections already")
            return
        connection = Connection(websocket)
        self.connections.add(connection)
        telling = asyncio.create_task(self._tell(connection))
        try:
            await self._send(connection, lobby(self.room))
            await self._listen(connection)
        except (WebSocketDisconnect, RuntimeError):  # starlette raises the latter where it was closed already
            pass
        finally:
            telling.cancel()
            await self._part(connection)

    async def _listen(self, connection: Connection) -> None:
        """Follows what a browser says, until the connection ends."""
        while not connection.closing:
            frame = await connection.socket.receive()
            if frame["type"] == "websocket.disconnect":
                return
            text = frame.get("text")
            try:
                if not connection.bucket.take():
                    raise Refused("too many messages, this one is not followed")
                message = parse(frame.get("bytes") or b"" if text is None else text, self._actions)
                await self._follow(connection, message)
                connection.wrong = 0
            except Refused as refused:
                connection.wrong += 1
                if connection.wrong > MAX_WRONG:
                    await self._close(connection.socket, TOO_MUCH, "too many messages that were not followed")
                    return
                await self._send(connection, {"type": "error", "line": str(refused)})

    async def _follow(self, connection: Connection, message: Message) -> None:
        """Does what a message asks for, and what follows from it."""
        if message.type == "sit":
            await self._sit(connection, message)
        elif message.type == "look":
            connection.fog, connection.theme = message.fog, message.theme
            connection.news.set()
            return
        elif not connection.seat:
            raise Refused("take a seat first")
        else:
            async with self.lock:
                await run_in_threadpool(self._obey, connection.seat, message)
        if message.type == "leave":
            connection.seat = ""
        await self._advance()
        self._changed()

    def _obey(self, seat: str, message: Message) -> None:
        """Tells the room what somebody on a seat did or asks for."""
        if message.type == "press":
            self.room.press(seat, message.action)
        elif message.type == "release":
            self.room.release(seat, message.action)
        elif message.type == "leave":
            self.room.leave(seat)
        elif message.type == "mark":
            self.room.mark(seat, message.good)
        else:
            self.room.want(seat, message.type)

    async def _sit(self, connection: Connection, message: Message) -> None:
        if connection.seat:
            raise Refused(f"you sit on {connection.seat} already")
        async with self.lock:
            key = self.room.sit(message.seat, message.key)
            before = [other for other in self.connections if other.seat == message.seat]
            connection.seat = message.seat
        for other in before:
            other.seat = ""
            await self._close(other.socket, REPLACED, "this seat was opened in another tab")
        await self._send(connection, seated(self.room, message.seat, key))

    async def _advance(self) -> None:
        """Takes the steps that are due, and ends the game if all want it, or a step fails."""
        async with self.lock:
            try:
                while (actions := self.room.due()) is not None:
                    await run_in_threadpool(self.room.session.step, actions)
            except Exception as error:  # of the world or an agent: `run` raises it, the files are written
                self.failed, self.room.over = error, True
        if self.room.over:
            await self._end()

    async def _end(self) -> None:
        steps = self.room.session.steps
        for connection in list(self.connections):
            line = f"The game is over: {steps} step{'s' * (steps != 1)} in all."
            await self._close(connection.socket, OVER, line)
        self.stop()

    async def _tell(self, connection: Connection) -> None:
        """Sends a seat its newest scene whenever there is one; those in between are left out."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await connection.news.wait()
                connection.news.clear()
                if not connection.seat:
                    await self._send(connection, lobby(self.room))
                    continue
                async with self.lock:
                    facts, shown = await run_in_threadpool(scene, self.room, connection.seat, connection.fog)
                image = await run_in_threadpool(drawn, shown, connection.theme)
                await self._send(connection, facts | {"image": image})

    def _changed(self) -> None:
        for connection in self.connections:
            connection.news.set()

    async def _part(self, connection: Connection) -> None:
        """Forgets a connection; its seat is kept for a while."""
        self.connections.discard(connection)
        async with self.lock:
            if connection.seat and all(other.seat != connection.seat for other in self.connections):
                self.room.lose(connection.seat)
        self._changed()

    async def _send(self, connection: Connection, content: Mapping[str, Any]) -> None:
        await connection.socket.send_text(json.dumps(content, allow_nan=False))

    async def _close(self, websocket: WebSocket, code: int, line: str) -> None:
        """Says why, and closes; a browser that is gone already is no fault."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.close(code, line)

    def _path(self, connection: HTTPConnection) -> str | None:
        """What is asked for below the token, None without the token, or of another host."""
        token, _, rest = connection.path_params["path"].partition("/")
        known = secrets.compare_digest(token.encode(), self.token.encode())
        return rest if known and connection.headers.get("host", "") in self.hosts else None

    @property
    def _actions(self) -> int:
        return len(self.room.session.spec.actions)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        """In real time: takes each step when it is due."""
        while self.room.fps is not None:
            before = self.room.session.t
            await self._advance()
            if self.room.session.t != before:
                self._changed()
            await asyncio.sleep(TICK)


def file(name: str) -> bytes:
    """A file of the page."""
    return (resources.files("socialrl.play.web") / "page" / name).read_bytes()
