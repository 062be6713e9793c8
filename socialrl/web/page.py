"""Pages with replays: a whole page in one file, and the parts of which other pages make up theirs.

Nothing of a replay is markup: what the page reads is base64, the page writes it as text, and its content
security policy allows no script but its own, and no request to anywhere.
"""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tqdm import tqdm

from socialrl.scene import Scene
from socialrl.scene.plots import PLOTS, Plotter
from socialrl.web import data
from socialrl_envs.errors import SocialRLError

PLAYER = Path(__file__).with_name("player")
# In this order each file uses only what stands above it, or is called later.
MODULES = ("data", "scene", "dom", "sprites", "world", "decision", "timeline", "tabs", "player")
IMPORT = re.compile(r"^import [^;]*;\n|^/\*\* @import .*\n", re.MULTILINE)  # of values, and of types
EXPORT = re.compile(r"^export ", re.MULTILINE)


@cache
def script() -> str:
    """The component as one script; it defines `start(root, settings, packed, options)` and `startAll()`."""
    parts = [(PLAYER / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return "".join(EXPORT.sub("", IMPORT.sub("", part)) for part in parts)


@cache
def page_script() -> str:
    """The script of a page: the component, started at once and apart from other scripts."""
    return f'(() => {{\n"use strict";\n{script()}startAll();\n}})();\n'


@cache
def style() -> str:
    """The style of the component."""
    return (PLAYER / "player.css").read_text(encoding="utf-8")


def policy(scripts: Sequence[str], styles: Sequence[str] | None) -> str:
    """A content security policy under which these scripts and styles are all there is.

    styles: None allows any style within the page.
    """
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(map(_hash, scripts)) or "'none'",
        "style-src": "'unsafe-inline'" if styles is None else " ".join(map(_hash, styles)),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def chosen(
    scene: Scene, plots: Mapping[str, Plotter] = PLOTS, most: int = data.MOST
) -> tuple[list[str], list[str]]:
    """The packed replays of a scene as base64, the one shown first, and the names of those that are left out.

    most: characters of all of them; from the first that does not fit on, replays are left out. Raises
    SocialRLError if the one shown first is ten times as large: a browser would not bear it.
    """
    order = sorted(range(len(scene.replays)), key=lambda i: (i != scene.which, i))
    packed: list[str] = []
    for place, i in enumerate(tqdm(order, "replays", delay=2, disable=None)):
        text = in_base64(data.pack(scene.replays[i], scene.names[i], plots))
        if not packed and len(text) > 10 * most:
            hint = "record fewer or shorter episodes, or view it in the window"
            raise SocialRLError(f"{scene.names[i]}: too large for a page, {len(text) >> 20} MB", hint)
        if packed and sum(map(len, packed)) + len(text) > most:
            return packed, [scene.names[one] for one in order[place:]]
        packed.append(text)
    return packed, []


def packed_scene(
    scene: Scene, plots: Mapping[str, Plotter] = PLOTS, most: int = data.MOST
) -> tuple[str, list[str]]:
    """The settings and the replays of a scene as the component takes them. most: as in `chosen`."""
    packed, left = chosen(scene, plots, most)
    told = json.dumps(data.settings(scene, left) | {"which": 0})
    return in_base64(gzip.compress(told.encode("utf-8", "replace"), 9, mtime=0)), packed


def place(
    scene: Scene, plots: Mapping[str, Plotter] = PLOTS, whole: bool = False, most: int = data.MOST
) -> str:
    """The element that the script fills with the component. whole: it has the page to itself. most: as in
    `chosen`.
    """
    settings, packed = packed_scene(scene, plots, most)
    blocks = "".join(f'<script type="text/plain">{text}</script>' for text in (settings, *packed))
    kind = "srl-replay srl-whole" if whole else "srl-replay"
    return f'<div class="{kind}"><div class="srl-root"></div>{blocks}</div>'


def in_base64(content: bytes) -> str:
    """Bytes as text of letters, digits, +, / and =."""
    return base64.b64encode(content).decode("ascii")


def page(scene: Scene, plots: Mapping[str, Plotter] = PLOTS) -> str:
    """The whole page that shows a scene and lets one go through all of its replays."""
    title = html.escape(f"{scene.replay.experiment} · {scene.replay.arm}: replay")
    css = f"{style()}body {{ margin: 0; }}\n"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy([page_script()], [css])}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>{place(scene, plots, whole=True)}</main>
<noscript>This page shows a replay of socialrl; it needs JavaScript, which is off.</noscript>
<script>{page_script()}</script>
</body>
</html>
"""
