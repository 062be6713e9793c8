"""A headless Chromium for tests, spoken to over a pipe in its DevTools protocol; nothing but the standard
library is needed.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLAYWRIGHT = (
    "chromium*/chrome-linux*/chrome",
    "chromium*/chrome-linux*/headless_shell",
    "chromium*/chrome-mac*/*/*/*/Chromium",
)
# Becomes the browser, with the two pipes that are named first as its files 3 and 4, where it speaks its
# protocol.
LAUNCH = """
import os, sys
pipes = [os.dup(int(number)) for number in sys.argv[1:3]]
for place, pipe in zip((3, 4), [os.dup2(pipe, 60 + i) for i, pipe in enumerate(pipes)]):
    os.dup2(pipe, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
PATIENCE = 120.0  # seconds for one answer: a busy machine is slow


def find() -> str | None:
    """The browser that CHROMIUM names, or one on the path, or playwright's; None if there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return found or next((str(path) for pattern in PLAYWRIGHT for path in sorted(cache.glob(pattern))), None)


class Tab:
    """One page of the browser. events: what the browser reported by itself, in order, as (method, params)."""

    def __init__(self, read: int, write: int):
        self._read, self._write, self._rest = read, write, b""
        self._number, self._session = 0, None
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Sends a command and returns its result; raises AssertionError if the browser refuses it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer.get('error')}"
        return answer["result"]

    def open(self, page: Path, width: int, height: int = 900) -> None:
        """Loads a file in a window of this width, and waits until it and its pictures are there."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            self._note(self._next())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, selector: str = "body") -> bytes:
        """A PNG of an element, all of it, whatever the window shows."""
        box = self.ask(
            f"(r => ({{x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}}))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        answer = self.call("Page.captureScreenshot", clip=box | {"scale": 1}, captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def pdf(self) -> bytes:
        """The page as it is printed on A4."""
        return base64.b64decode(self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])

    def _note(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self.events.append((message["method"], message["params"]))

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0))
            data = os.read(self._read, 1 << 20) if ready else b""
            assert data, "the browser does not answer"
            self._rest += data
        first, _, self._rest = self._rest.partition(b"\0")
        return json.loads(first)


@contextlib.contextmanager
def tab(browser: str, profile: Path) -> Iterator[Tab]:
    """A page of a browser of one's own, which ends with the block. profile: an empty folder."""
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    options = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-pipe",
        "--no-first-run",
        "--hide-scrollbars",
    )
    command = [
        browser,
        *options,
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), *command],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Tab(ours_in, ours_out)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        process.terminate()
        process.wait(timeout=30)
