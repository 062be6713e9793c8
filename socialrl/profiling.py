"""What bounds training: a trace of one chunk, and the shares of its time by part of the program."""

import contextlib
import dataclasses
import gzip
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from socialrl.record.atomic import write_bytes

# The innermost of these scopes, which `training` and `rollout` open, is the part that an operation is of.
PARTS = {"update": "update", "act": "acting", "unroll": "worlds", "levels": "new levels"}
OTHER = "the rest"
PRODUCTS = ("dot_general", "conv_general_dilated")
INSTRUCTION = re.compile(r'%?([\w.\-]+) = [^\n]*?metadata=\{[^}\n]*?op_name="([^"\n]+)"')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Shares of the time in which a device computed, adding up to 1. parts: by part of the program. products:
    of matrix products and convolutions. idle: the share of the time from the first operation to the last in
    which nothing was computed. seconds: that time.
    """

    parts: Mapping[str, float]
    products: float
    idle: float
    seconds: float

    def text(self) -> str:
        """What bounds the program, in one line."""
        ranked = sorted(self.parts.items(), key=lambda part: -part[1])
        if not ranked:
            return "the trace has no operation of the program"
        (first, most), *others = ranked
        rest = ", ".join(f"{name} {share:.0%}" for name, share in others if share >= 0.005)
        head = "bound by waiting for the host" if self.idle > 0.5 else f"bound by {first}"
        return (
            f"{head}: {first} {most:.0%} of the computing{f' ({rest})' if rest else ''}; matrix products "
            f"{self.products:.0%}; idle {self.idle:.0%} of {self.seconds:.2f} s"
        )


@contextlib.contextmanager
def traced(file: Path) -> Iterator[None]:
    """A block whose trace is written to a file, `.json.gz`, that Perfetto opens: https://ui.perfetto.dev."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True, profiler_options=options):
            yield
        found = sorted(Path(folder).rglob("perfetto_trace.json.gz"))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, found[-1].read_bytes())


def read_profile(file: Path, program: str) -> Profile:
    """The Profile of a trace. program: the compiled program as text, which says what every operation is
    of.
    """
    scopes = dict(INSTRUCTION.findall(program))
    events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    timed = [e for e in events if e.get("ph") == "X" and e.get("args", {}).get("hlo_op") in scopes]
    by_thread: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for event in timed:
        by_thread.setdefault((event["pid"], event["tid"]), []).append(event)
    parts: dict[str, float] = {}
    products = 0.0
    for own in by_thread.values():
        for event, spent in _own_times(own):
            scope = scopes[event["args"]["hlo_op"]]
            part = part_of(scope)
            parts[part] = parts.get(part, 0.0) + spent
            products += spent * scope.endswith(PRODUCTS)
    whole, (span, busy) = sum(parts.values()) or 1.0, _covered(timed)
    return Profile(
        parts={name: spent / whole for name, spent in parts.items()},
        products=products / whole,
        idle=1 - busy / span if span else 0.0,
        seconds=span / 1e6,
    )


def part_of(scope: str) -> str:
    """The part of the program that an operation with this scope is of, e.g. "jit(chunk)/unroll/act/add"."""
    words = re.split(r"[/()]", scope)
    return next((PARTS[word] for word in reversed(words) if word in PARTS), OTHER)


def _own_times(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], float]]:
    """The events of a thread with their microseconds, without those of the events inside them."""
    stack: list[tuple[Mapping[str, Any], float]] = []  # an event, and the time of those directly inside it

    def closed() -> tuple[Mapping[str, Any], float]:
        event, inside = stack.pop()
        if stack:
            stack[-1] = (stack[-1][0], stack[-1][1] + event["dur"])
        return event, max(event["dur"] - inside, 0.0)

    for event in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        while stack and stack[-1][0]["ts"] + stack[-1][0]["dur"] <= event["ts"]:
            yield closed()
        stack.append((event, 0.0))
    while stack:
        yield closed()


def _covered(events: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """(span, busy): microseconds from the first event to the last, and those in which one was going on."""
    if not events:
        return 0.0, 0.0
    busy, end = 0.0, min(e["ts"] for e in events)
    first = end
    for event in sorted(events, key=lambda e: e["ts"]):
        stop = event["ts"] + event["dur"]
        busy += max(0.0, stop - max(end, event["ts"]))
        end = max(end, stop)
    return float(end - first), float(busy)
