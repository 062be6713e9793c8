"""Worlds and co-players by name: built-in files, entry points of installed packages, and code of the user's
own.

A new file in `worlds/` or `coplayers/` needs no other edit, nor does an installed package that declares an
entry point in the group `socialrl.worlds` or `socialrl.coplayers`. What a user's own file defines goes by a
qualified name, `module:Name` (see `plugins.py`).
"""

import ast
import dataclasses
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Protocol, TypeVar, runtime_checkable

from socialrl_envs import plugins
from socialrl_envs.errors import SocialRLError, nearest, unknown
from socialrl_envs.plugins import PluginWarning, Source

T = TypeVar("T")
BUILT_IN = "built in"


@cache
def discover(package: str) -> dict[str, str]:
    """File stem -> module path of every public module in a package, which is not imported for that."""
    modules = pkgutil.iter_modules(_folders(package))
    return {m.name: f"{package}.{m.name}" for m in modules if not m.name.startswith("_")}


def _folders(package: str) -> list[str]:
    """Where the modules of a package lie; empty if there is no such package."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        return list(loaded.__path__)
    top, *rest = package.split(".")
    spec = importlib.util.find_spec(top)
    return [str(Path(folder, *rest)) for folder in (spec.submodule_search_locations or () if spec else ())]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A name of a kind. target: `module` or `module:Name`. package, version: of a distribution; "" if built
    in.
    """

    name: str
    target: str
    package: str = ""
    version: str = ""

    @property
    def origin(self) -> str:
        """Where it comes from in words: "built in", or the package with its version."""
        return f"{self.package} {self.version}".strip() or BUILT_IN

    def load(self) -> object:
        """The object of the target; raises SocialRLError in one line if it cannot be imported."""
        module, _, inner = self.target.partition(":")
        where = f"{self.origin}: entry point {self.name} = {self.target}"
        found: object = plugins.import_module(module, where)
        for part in inner.split(".") if inner else ():
            if part not in vars(found):
                raise SocialRLError(f"{where}: no {part!r} in {module}", nearest(part, vars(found)))
            found = vars(found)[part]
        return found


@cache
def entry_points(group: str) -> tuple[Entry, ...]:
    """The entry points of installed packages in a group, by their names; none of them is imported."""
    found = {
        Entry(
            name=point.name,
            target=point.value.partition("[")[0].strip(),
            package=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
        )
        for point in importlib.metadata.entry_points(group=group)
    }
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.package, entry.target)))


def clear() -> None:
    """Forgets what was discovered, so that new files and packages are found."""
    discover.cache_clear()
    entry_points.cache_clear()


@dataclasses.dataclass(frozen=True)
class Kind:
    """A family of things that plug in.

    word: what one is called. package: of the built-in ones, a name per file stem. group: of entry points.
    attribute: the name at the top of a built-in file that holds the thing; "" means the module itself.
    """

    word: str
    package: str
    group: str
    attribute: str = ""

    def modules(self) -> dict[str, str]:
        """Name -> module path of what is built in."""
        return discover(self.package)

    def entries(self) -> tuple[Entry, ...]:
        """All names, built-in ones first, each group sorted; nothing is imported. A name may occur twice."""
        tail = f":{self.attribute}" if self.attribute else ""
        own = [Entry(name=name, target=f"{path}{tail}") for name, path in sorted(self.modules().items())]
        return (*own, *entry_points(self.group))

    def names(self) -> tuple[str, ...]:
        """All names, sorted, without those of the user's own files."""
        return tuple(sorted({entry.name for entry in self.entries()}))

    def knows(self, name: str) -> bool:
        """Whether a name is registered, or a qualified one of code that may be run."""
        return name in self.names() or plugins.loaded(name)

    def entry(self, name: str) -> Entry:
        """The entry of that name; raises SocialRLError for an unknown name, or one that two things have."""
        found = [entry for entry in self.entries() if entry.name == name]
        if not found:
            raise unknown(self.word, name, self.names())
        if len(found) > 1:
            both = " and ".join(f"{entry.target} ({entry.origin})" for entry in found)
            raise SocialRLError(
                f"{self.word} {name!r} exists twice: {both}", "uninstall or rename one of them"
            )
        return found[0]

    def find(self, name: str) -> object:
        """What a name stands for: built in, of an entry point, or `module:Name` in code that may be run."""
        if plugins.qualified(name):
            return plugins.find(name)
        return self.entry(name).load()

    def source(self, name: str) -> Source:
        """Where the code of a name is from; an empty Source if it is built in."""
        if plugins.qualified(name):
            found = plugins.find(name)
            return plugins.source_of(found) if isinstance(found, plugins.Defined) else Source()
        entry = self.entry(name)
        return Source(package=entry.package, version=entry.version)

    def items(self, contract: type[T]) -> Iterator[tuple[str, T]]:
        """(name, thing) of all that keep a runtime-checkable contract: built in, of entry points, then
        allowed.

        An entry point that cannot be loaded, does not keep the contract or has a taken name is left out with
        a PluginWarning. Of the user's own files come the instances of the contract at their top.
        """
        for name in dict.fromkeys(entry.name for entry in self.entries()):
            try:
                thing = self.find(name)
                if not isinstance(thing, contract):
                    raise SocialRLError(f"{self.entry(name).target} is not a {self.word}", contract.__name__)
            except SocialRLError as error:
                if name in self.modules() and len([e for e in self.entries() if e.name == name]) == 1:
                    raise
                warnings.warn(f"{self.word} {name!r} is left out: {error}", PluginWarning, stacklevel=2)
                continue
            yield name, thing
        for name, module in plugins.modules():
            for inner, thing in vars(module).items():
                if isinstance(thing, contract) and not isinstance(thing, type | ModuleType):
                    yield f"{name}:{inner}", thing

    def headline(self, entry: Entry) -> str:
        """The first line of a docstring, of the thing or else of its module; read from the file, which is not
        run.
        """
        module, _, inner = entry.target.partition(":")
        return headline(file_of(module), inner)


class ConfigKind(Kind):
    """A family whose things are Config classes."""

    def config(self, name: str) -> type:
        """The Config class of a name; raises SocialRLError if there is none or it is no dataclass."""
        found = self.find(name)
        if not isinstance(found, type) or not dataclasses.is_dataclass(found):
            raise SocialRLError(f"{name!r} is not a {self.word}'s Config", "name a dataclass, module:Config")
        return found

    def holds(self, cls: type) -> bool:
        """Whether a class is a built-in Config of this family."""
        return cls.__name__ == self.attribute and cls.__module__ in self.modules().values()

    def name_of(self, config: object) -> str:
        """The name of a Config instance: its file's stem, its entry point's name, or `module:Name`."""
        cls = type(config)
        target = f"{cls.__module__}:{cls.__qualname__}"
        for entry in self.entries():
            if entry.target == target or (_same_root(entry, cls) and _loaded(entry) is cls):
                return self.entry(entry.name).name
        return plugins.name_of(cls)


def _same_root(entry: Entry, cls: type) -> bool:
    """Whether an entry point may export a class of another module of its own package."""
    root = entry.target.partition(":")[0].partition(".")[0]
    return bool(entry.package) and root == cls.__module__.partition(".")[0]


def _loaded(entry: Entry) -> object:
    try:
        return entry.load()
    except SocialRLError:
        return None


def headline(file: Path | None, inner: str = "") -> str:
    """The first line of a file's docstring, or else of that of a class or function in it; the file is not
    run.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8")) if file else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        return "(cannot be read)"
    if tree is None:
        return ""
    inside = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    texts = [ast.get_docstring(node) for node in (tree, *(node for node in inside if node.name == inner))]
    return next((text for text in texts if text), "").partition("\n")[0]


def file_of(module: str) -> Path | None:
    """The path of a module's file, found without importing it; None if there is none."""
    package, _, stem = module.rpartition(".")
    if not package:
        spec = importlib.util.find_spec(stem)
        return Path(spec.origin) if spec and spec.origin else None
    places = [Path(folder, stem) for folder in _folders(package)]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


# --- worlds and co-players


@runtime_checkable
class CoPlayerCode(Protocol):
    """A module or object with `act(world, state, seat, key) -> action`, int32 ()."""

    @property
    def act(self) -> Callable[..., Any]: ...


@dataclasses.dataclass(frozen=True)
class Scripted:
    """A co-player that is one function. doc: what the function's docstring says."""

    act: Callable[..., Any]


WORLD = ConfigKind("world", "socialrl_envs.worlds", "socialrl.worlds", "Config")
COPLAYER = Kind("co-player", "socialrl_envs.coplayers", "socialrl.coplayers")


def names() -> tuple[str, ...]:
    """The worlds, by name."""
    return WORLD.names()


def coplayer_names() -> tuple[str, ...]:
    """The scripted co-players, by name."""
    return COPLAYER.names()


def world_config(name: str) -> type:
    """The Config class of a world."""
    return WORLD.config(name)


def coplayer(name: str) -> CoPlayerCode:
    """The co-player of a name, which has `act(world, state, seat, key) -> action`.

    name: of a built-in file or an entry point, `module:function` of the user's own (a bare function is
    wrapped), or the path of a file with a suffix that an entry point in `socialrl.policy_files` reads.
    """
    reader = _policy_reader(name)
    found = COPLAYER.find(name) if reader is None else reader(name)
    if isinstance(found, FunctionType):
        return Scripted(found)
    if isinstance(found, CoPlayerCode):
        return found
    raise SocialRLError(
        f"co-player {name!r} is neither a function nor has it `act`",
        "def act(world, state, seat, key) -> action",
    )


def _policy_reader(name: str) -> Callable[[str], object] | None:
    """What reads a policy from a file of that suffix; None for the name of a co-player."""
    suffix = Path(name).suffix.removeprefix(".")
    entry = next((e for e in entry_points("socialrl.policy_files") if e.name == suffix), None)
    found = None if entry is None or plugins.qualified(name) else entry.load()
    return found if isinstance(found, FunctionType) else None


def check_coplayer_name(name: str, where: str = "co-player") -> None:
    """Raises SocialRLError with the nearest spelling unless a co-player of that name may be run."""
    if plugins.qualified(name) or _policy_reader(name) is not None:
        coplayer(name)
    elif name not in coplayer_names():
        raise unknown(where, name, coplayer_names())


def title_of(policy: str) -> str:
    """What a seat of that policy is called in agents' names: "anti_expert" -> "antiexpert", "mine:guard" ->
    "guard".
    """
    return re.sub(r"[^A-Za-z0-9]", "", Path(policy.rpartition(":")[2]).stem)


_made: weakref.WeakValueDictionary[tuple[type, str], Any] = weakref.WeakValueDictionary()


def make(name: str, **config: object) -> Any:
    """A world: `make("coin_grid", novices=1, experts=2, size=9)`.

    Equal options give the same world as long as somebody holds it, and so `jax.jit(world.step)` is compiled
    once. Raises SocialRLError for an unknown world, an unknown option or an impossible value, with the
    nearest right spelling.
    """
    cls = world_config(name)
    known = cls.__dataclass_fields__
    for key in config:
        if key not in known:
            raise SocialRLError(f"{name}: unknown option {key!r}", nearest(key, known))
    from socialrl_envs.composed import GridWorld  # these need jax, which names do not
    from socialrl_envs.programs import make_room

    make_room()
    world = cls(**config).build()
    return _made.setdefault((cls, world.fingerprint), world) if isinstance(world, GridWorld) else world
