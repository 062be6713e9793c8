"""The memory that a compiled program needs, forecast before it is compiled, and what to do if it is too much.

The forecast walks through the program as it was traced: an array lives from its equation to its last use;
what a compiler fuses into its only user, such as a sum of two arrays, takes no room, and what a loop carries
stays where it is. Compilers fuse more than this knows of, so that it tends to be too high; states are counted
exactly.
"""

import contextlib
import dataclasses
import math
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend import core
from jaxtyping import PyTree

from socialrl_envs.errors import SocialRLError

MARGIN = 0.9  # share of the memory that a forecast may fill
EXPENSIVE = (  # results that are always written: those of other primitives are fused into their only user
    "conv_general_dilated",
    "cumsum",
    "custom_",
    "dot_general",
    "dynamic_update_slice",
    "gather",
    "reduce",
    "scatter",
    "sort",
    "concatenate",
    "random",
    "threefry",
)
READ_WHOLE = ("conv_general_dilated", "dot_general", "sort")  # what these take is written before


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forecast:
    """The memory of one device, in bytes.

    state: of the arguments and results of all its seeds. work: of what lives beside them at most, per seed.
    seeds: how many it has. at_once: how many of them are computed together.
    """

    state: int
    work: int
    seeds: int
    at_once: int

    @property
    def total(self) -> int:
        """The bytes that are needed at most."""
        return self.state + self.work * self.at_once

    def fitted(self, room: int | None) -> "Forecast":
        """The forecast with as many seeds at once as fit into `room` bytes, at least one; None is boundless.

        Raises SocialRLError if the states alone do not fit.
        """
        if room is None or self.total <= MARGIN * room:
            return self
        if self.state > room:
            raise SocialRLError(
                f"the states of {self.seeds} seeds take {words(self.state)}, and there are {words(room)}",
                "lower --seeds or --num_envs, or the capacity of the learner's or the curriculum's buffer",
            )
        fitting = int((MARGIN * room - self.state) // max(self.work, 1))
        return dataclasses.replace(self, at_once=max(1, min(fitting, self.at_once)))

    def text(self, room: int | None) -> str:
        """The forecast in words."""
        of = "" if room is None else f" of {words(room)}"
        each = f"{words(self.state // max(self.seeds, 1))} of state and {words(self.work)} of work per seed"
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        blocks = "" if self.at_once >= self.seeds else f", {self.at_once} at once"
        return f"{words(self.total)}{of} ({seeds}{blocks}; {each})"


def bytes_of(tree: PyTree) -> int:
    """The bytes of all arrays of a tree, or of their shapes."""
    return sum(_size(leaf) for leaf in jax.tree.leaves(tree))


def peak(program: core.ClosedJaxpr | core.Jaxpr) -> int:
    """The bytes that live at most at one time while a traced program is computed, beside its arguments;
    results that take the place of an argument are not counted.
    """
    jaxpr = program.jaxpr if isinstance(program, core.ClosedJaxpr) else program
    users = _users(jaxpr)
    live: dict[Any, int] = {}
    most = now = 0
    for place, equation in enumerate(jaxpr.eqns):
        inner = max((peak(part) for part in _parts(equation)), default=0)
        results = {  # what is updated in place keeps the room that it has
            after: live.pop(before, 0)
            for after, before in _in_place(equation)
            if isinstance(before, core.Var) and users[before][-1] == place
        }
        fresh = {v: _written(jaxpr, equation, v, users) for v in equation.outvars if v not in results}
        if equation.primitive.name == "shard_map":  # what it returns lies on several devices
            fresh = {}
        most = max(most, now + inner + sum(fresh.values()))
        ends = {v for v in equation.invars if isinstance(v, core.Var) and users[v][-1] == place}
        now += sum(fresh.values()) - sum(live.pop(v, 0) for v in ends)
        live |= results | fresh
    return max(most, now)


def room(device: Any) -> int | None:
    """The bytes that this process can use on a device of jax, what it uses already included; None if they
    are not known.
    """
    if device.platform != "cpu":
        return (device.memory_stats() or {}).get("bytes_limit")
    free = [_kibibytes("/proc/meminfo", "MemAvailable"), _group_limit()]
    known = [number for number in free if number is not None]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return min(known) + (used if _group_limit() is None else 0) if known else None


@contextlib.contextmanager
def one_line(arm: str, seeds: int, num_envs: int, unroll_length: int) -> Iterator[None]:
    """A block in which running out of memory raises SocialRLError that says what to lower."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        text = str(error)
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text or "ut of memory" in text:
            raise SocialRLError(
                f"{arm}: out of memory{_asked(text)}",
                f"lower --num_envs (now {num_envs}), --unroll_length ({unroll_length}), --seeds ({seeds}), "
                "--evaluation_episodes or the capacity of the learner's buffer",
            ) from error
        raise


def words(size: float | int) -> str:
    """A number of bytes in words, "1.3 GB"."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _asked(text: str) -> str:
    """How much was asked for, as the error has it."""
    _, found, rest = text.partition("llocat")
    number = next((word for word in rest.replace(",", "").split() if word.rstrip(".").isdigit()), "")
    return f" at {words(int(number.rstrip('.')))} more" if found and number else ""


def _size(value: Any) -> int:
    """The bytes of an array or of what stands for one."""
    dtype = value.dtype
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return math.prod(value.shape) * 8
    return math.prod(value.shape) * np.dtype(dtype).itemsize


def _users(jaxpr: core.Jaxpr) -> dict[Any, list[int]]:
    """The places of the equations that use a variable, ascending; results are used after the last one."""
    found: dict[Any, list[int]] = {}
    for place, equation in enumerate(jaxpr.eqns):
        for v in equation.invars:
            if isinstance(v, core.Var):
                found.setdefault(v, []).append(place)
    for v in jaxpr.outvars:
        if isinstance(v, core.Var):
            found.setdefault(v, []).append(len(jaxpr.eqns))
    return found


def _written(jaxpr: core.Jaxpr, equation: core.JaxprEqn, result: Any, users: dict[Any, list[int]]) -> int:
    """The bytes that a result takes: none if nobody uses it, or if it is fused into its only user."""
    used = users.get(result, [])
    if not used:
        return 0
    alone = len(used) == 1 and used[0] < len(jaxpr.eqns)
    if alone and not _whole(equation, EXPENSIVE) and not _whole(jaxpr.eqns[used[0]], READ_WHOLE):
        return 0
    return _size(result.aval) if isinstance(result.aval, ShapedArray) else 0


def _in_place(equation: core.JaxprEqn) -> list[tuple[Any, Any]]:
    """(result, argument) pairs that may share their room: what a loop carries, and updates of a part."""
    name, params = equation.primitive.name, equation.params
    if name == "scan":
        body = params["jaxpr"]  # it takes (constants, carry, slices) and returns (carry, slices)
        last = len(_whole_ones(equation.invars, body.in_avals))
        carried = _whole_ones(equation.outvars, body.out_avals)
        return list(zip(carried, equation.invars[last - len(carried) : last], strict=True))
    if name == "while":
        first = params["cond_nconsts"] + params["body_nconsts"]
        return list(zip(equation.outvars, equation.invars[first:], strict=True))
    if name.startswith(("dynamic_update_slice", "scatter")):
        return [(equation.outvars[0], equation.invars[0])]
    return []


def _whole_ones(outside: Sequence[Any], inside: Sequence[Any]) -> list[Any]:
    """The variables outside of a scan that its body has whole, not by slices along a leading axis."""
    return [one for one, part in zip(outside, inside, strict=True) if len(one.aval.shape) == len(part.shape)]


def _whole(equation: core.JaxprEqn, names: tuple[str, ...]) -> bool:
    """Whether the equation has one of the names, or a program inside."""
    return equation.primitive.name.startswith(names) or bool(_parts(equation))


def _parts(equation: core.JaxprEqn) -> list[Any]:
    """The programs inside an equation, such as the body of a loop."""
    found: list[Any] = []
    for value in equation.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, core.ClosedJaxpr | core.Jaxpr):
                found.append(one)
    return found


def _kibibytes(file: str, name: str) -> int | None:
    """An entry of a file of the system, in bytes; None if there is none."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0]) * 1024
    return None


def _group_limit() -> int | None:
    """The bytes that the process's control group may use, as a container or a batch system sets them."""
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limit = int(Path(file).read_text(encoding="utf-8"))
            return limit if limit < 2**60 else None
    return None
