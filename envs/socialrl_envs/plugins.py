"""Which code of a user's own this process may run, and the qualified names of what it defines.

What is neither built in nor an entry point of an installed package has a qualified name `module:Name`. Of a
file `mine.py` the module is `mine`, so that its class `MyWorld` is `mine:MyWorld`. Such a name is looked up
only in code that this process was told to use: a file that was run by its path with the modules beside it,
what `allow` was given, and objects that were handed in. A name in a file never makes this process import
anything else.
"""

import dataclasses
import hashlib
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import FunctionType, ModuleType, TracebackType

from socialrl_envs.errors import SocialRLError, nearest

Defined = type | FunctionType  # what a qualified name stands for
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
FILES = "socialrl_file_"  # begins the module names of files that are run by their path
OURS = ("socialrl", "socialrl_envs")  # frames of these packages are not where a user's mistake is


class PluginWarning(UserWarning):
    """A plug-in that cannot be used, while everything else can."""


class NotAllowedError(SocialRLError):
    """A qualified name in code that this process may not run. origin: where that code came from, if known."""

    def __init__(self, name: str, origin: str = ""):
        module = name.rpartition(":")[0]
        self.name = name
        place = f"comes from {origin}" if origin else "is not built in"
        message, hint = (
            f"{name!r} {place}; its code was not allowed",
            f"allow it: --plugin {origin or module}",
        )
        if module == "__main__":
            message, hint = f"{name!r} was defined in an interactive session", "define it in a file"
        super().__init__(message, hint)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where a plug-in's code is from. file: a path as it was given. module: an importable one. sha256: of the
    file.

    package, version: of an installed distribution that declares an entry point. All are "" where unknown; of
    what was defined in an interactive session all are.
    """

    file: str = ""
    module: str = ""
    sha256: str = ""
    package: str = ""
    version: str = ""

    def to_json(self) -> dict[str, str]:
        """The fields that are known."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value}

    @staticmethod
    def from_json(data: object) -> "Source":
        """The source that `to_json` wrote; what is not text is left out."""
        known = {field.name for field in dataclasses.fields(Source)}
        items = data.items() if isinstance(data, dict) else ()
        return Source(**{key: value for key, value in items if key in known and isinstance(value, str)})

    @property
    def text(self) -> str:
        """In words for a message: the file, the module, or the package with its version."""
        return self.file or self.module or f"{self.package} {self.version}".strip()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A file that was executed as a module. given: its path as the user wrote it."""

    given: Path
    module: ModuleType
    sha256: str


@dataclasses.dataclass
class Permissions:
    """What this process may run besides built-in code and entry points.

    files: executed files by their resolved path. modules: allowed importable modules. objects: classes and
    functions by qualified name that were handed in. changed: whether code may differ from what a run
    recorded.
    """

    files: dict[Path, Loaded] = dataclasses.field(default_factory=dict)
    modules: dict[str, ModuleType] = dataclasses.field(default_factory=dict)
    objects: dict[str, Defined] = dataclasses.field(default_factory=dict)
    changed: bool = False


_allowed = Permissions()


def forget() -> None:
    """Takes back all that was allowed in this process; imported modules stay imported."""
    for folder in {str(place.parent) for place in _allowed.files} & set(sys.path):
        sys.path.remove(folder)
    _allowed.files.clear()
    _allowed.modules.clear()
    _allowed.objects.clear()
    _allowed.changed = False


def accept_changes() -> None:
    """Lets runs go on with code that differs from what they recorded."""
    _allowed.changed = True


def changes_accepted() -> bool:
    """Whether `accept_changes` was called."""
    return _allowed.changed


def allow(given: str | Path) -> ModuleType:
    """The file or module, imported; the names that it defines, and of a file those of the modules beside it,
    may be used from now on.

    Raises SocialRLError in one line that names the file and line if it cannot be imported.
    """
    text = str(given)
    if text.endswith(".py") or "/" in text or "\\" in text:
        return load_file(Path(given))
    if not MODULE.fullmatch(text):
        raise SocialRLError(
            f"--plugin {text}: neither a file nor a module", "write FILE.py or package.module"
        )
    _allowed.modules[text] = import_module(text, f"--plugin {text}")
    return _allowed.modules[text]


def modules() -> tuple[tuple[str, ModuleType], ...]:
    """(name before the colon, module) of all that was allowed or run by its path, in that order."""
    files = [(loaded.given.stem, loaded.module) for loaded in _allowed.files.values()]
    return (*files, *_allowed.modules.items())


def import_module(name: str, where: str) -> ModuleType:
    """The module; what it raises becomes a SocialRLError with file and line. `where` begins the message if
    the module itself does not exist.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise explained(error, where, _root_of(name)) from error
        raise SocialRLError(
            f"{where}: no module {name!r}", "name a FILE.py or an installed module"
        ) from error
    except Exception as error:
        raise explained(error, where, _root_of(name)) from error


def load_file(path: Path) -> ModuleType:
    """The file, executed as a module with its own folder importable; once as long as its content stays the
    same.

    Raises SocialRLError in one line that names the file and line of what went wrong.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        near = (
            nearest(path.stem, [file.stem for file in path.parent.glob("*.py")])
            if path.parent.is_dir()
            else None
        )
        raise SocialRLError(f"{path}: {error.strerror or error}", near) from error
    place, digest = path.resolve(), hashlib.sha256(source).hexdigest()
    known = _allowed.files.get(place)
    if known is not None and known.sha256 == digest:
        return known.module
    name = f"{FILES}{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        with _importable(place.parent):
            exec(compile(source, str(path), "exec"), module.__dict__)
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:
        raise explained(error, str(path), place.parent) from error
    _allowed.files[place] = Loaded(given=path, module=module, sha256=digest)
    return module


class _importable:  # noqa: N801
    """While it is entered, a folder comes first on the path of imports; afterwards last, for imports in
    functions.
    """

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __enter__(self) -> None:
        sys.path.insert(0, self.folder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.path.remove(self.folder)
        if self.folder not in sys.path:
            sys.path.append(self.folder)


def explained(error: BaseException, where: str, root: Path | None) -> SocialRLError:
    """The error in one line, with the innermost file below `root`, and line, in which it was raised."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if isinstance(error, SocialRLError):
        text = error.message
    if isinstance(error, SyntaxError) and error.filename:
        return SocialRLError(f"{_shown(error.filename)}, line {error.lineno}: {text}")
    place, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        own = frame.f_globals.get("__name__", "").partition(".")[0] in OURS
        if not own and root is not None and _below(Path(frame.f_code.co_filename), root):
            place = f"{_shown(frame.f_code.co_filename)}, line {trace.tb_lineno}"
        trace = trace.tb_next
    hint = error.hint if isinstance(error, SocialRLError) else None
    return SocialRLError(f"{place or where}: {text}", hint)


def place_of(error: BaseException) -> str:
    """ " (file, line N)" of the innermost frame in code that was allowed or run by its path; "" if there is
    none.
    """
    known = {str(held.__file__) for _, held in modules()}
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        place = f" ({_shown(file)}, line {trace.tb_lineno})" if file in known else place
        trace = trace.tb_next
    return place


def _below(file: Path, root: Path) -> bool:
    resolved = file.resolve()
    inside = resolved == root or root in resolved.parents
    return inside and "site-packages" not in resolved.relative_to(root).parts


def _shown(file: str) -> str:
    """The path from here, if the file lies below the working directory."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else file


def _root_of(module: str) -> Path | None:
    """The folder of a top-level module or package, found without importing it."""
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    return (
        Path(spec.origin).resolve().parent if spec.submodule_search_locations else Path(spec.origin).resolve()
    )


# --- names


def qualified(name: str) -> bool:
    """Whether a name is a qualified one, `module:Name`."""
    return ":" in name


def loaded(name: str) -> bool:
    """Whether a name is a qualified one of code that this process may run."""
    return name in _allowed.objects or (qualified(name) and bool(_modules_of(name.rpartition(":")[0])))


def name_of(thing: Defined) -> str:
    """The qualified name of a class or function of the user's own, which may be looked up from now on.

    Raises SocialRLError if it is not at the top of a file, or if two files define one name.
    """
    inner = thing.__qualname__
    if "<" in inner:
        raise SocialRLError(
            f"{thing.__module__}.{inner} cannot be saved by its name",
            "define it at the top of a file or module",
        )
    name = f"{stem(thing)}:{inner}"
    other = _allowed.objects.get(name)
    if other is not None and other is not thing and _file(other) != _file(thing):
        raise _two(name, _file(other), _file(thing))
    _allowed.objects[name] = thing
    return name


def find(name: str) -> object:
    """What a qualified name stands for, in code that this process may run.

    Raises NotAllowedError for other code, SocialRLError with the nearest spelling for an unknown name.
    """
    module, _, inner = name.rpartition(":")
    if name in _allowed.objects:
        return _allowed.objects[name]
    found = _modules_of(module)
    if not found:
        raise NotAllowedError(name)
    things = [(held, vars(held)[inner]) for held in found if inner in vars(held)]
    if not things:
        public = [f"{module}:{word}" for held in found for word in vars(held) if not word.startswith("_")]
        raise SocialRLError(f"{name!r}: {module} has no {inner!r}", nearest(name, public))
    if len(things) > 1:
        raise _two(name, *(str(held.__file__) for held, _ in things[:2]))
    return things[0][1]


def source_of(thing: Defined) -> Source:
    """Where a class or function of the user's own was defined."""
    module, file = sys.modules.get(thing.__module__), _file(thing)
    if module is None or not file:
        return Source()
    for loaded in _allowed.files.values():
        if loaded.module is module:
            return Source(file=loaded.given.as_posix(), sha256=loaded.sha256)
    digest = _hash(Path(file))
    beside = _beside(Path(file))
    if beside or module.__name__ == "__main__":
        return Source(file=beside or Path(file).as_posix(), sha256=digest)
    return Source(module=module.__name__, sha256=digest)


def _hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _beside(file: Path) -> str:
    """The path of a file that lies beside (or below) one that was run, as that was given; else ""."""
    for place, loaded in _allowed.files.items():
        if place.parent in file.resolve().parents and "site-packages" not in file.parts:
            return (loaded.given.parent / file.resolve().relative_to(place.parent)).as_posix()
    return ""


def _modules_of(name: str) -> list[ModuleType]:
    """The modules that a qualified name may mean by its part before the colon: a module's name or a file's
    path.
    """
    if name.endswith(".py"):
        return _by_path(name)
    by_stem = [one.module for one in _allowed.files.values() if one.given.stem == name]
    if by_stem:
        return by_stem
    if not MODULE.fullmatch(name):
        return []
    if any(name == known or name.startswith(f"{known}.") for known in _allowed.modules):
        return [import_module(name, name)]
    top = name.partition(".")[0]
    for folder in {place.parent for place in _allowed.files}:
        if (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file():
            with _importable(folder):
                module = import_module(name, name)
            if module.__file__ and folder in Path(module.__file__).resolve().parents:
                return [module]
    return []


def _by_path(name: str) -> list[ModuleType]:
    """The file of a path, or of a name beside a file that was run, if it lies beside such a file."""
    folders = {place.parent for place in _allowed.files}
    for path in (Path(name), *(folder / name for folder in folders)):
        if path.is_file() and path.resolve().parent in folders:
            return [load_file(path)]
    return []


def _file(thing: Defined) -> str:
    """The file that defines it, "" for an interactive session."""
    module = sys.modules.get(thing.__module__)
    return (vars(module).get("__file__") or "") if module is not None else ""


def stem(thing: Defined) -> str:
    """What stands before the colon in a qualified name: the module's name, or the stem of a file."""
    run = thing.__module__.startswith(FILES)
    return (
        Path(_file(thing)).stem
        if _file(thing) and (run or thing.__module__ == "__main__")
        else thing.__module__
    )


def _two(name: str, *files: str) -> SocialRLError:
    places = " and ".join(file or "an interactive session" for file in files)
    return SocialRLError(f"two plug-ins are named {name!r}: {places}", "rename one of the files")


def defined_in(module: ModuleType) -> dict[str, Defined]:
    """The classes and functions that a module defines at its top, without those that it imports from
    elsewhere.
    """
    things = {name: thing for name, thing in vars(module).items() if isinstance(thing, Defined)}
    return {
        name: t for name, t in things.items() if t.__module__ == module.__name__ and not name.startswith("_")
    }
