"""The command line: run, eval, view, play, record, report, list.

Each command imports what it needs when it is called, so `--help` is instant.
"""

import argparse
import dataclasses
import importlib.util
import itertools
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from socialrl.config import Experiment
    from socialrl.record.folder import RunFolder

RUN_HELP = """\
Trains every arm of an experiment and records it in a run folder, runs/<experiment>/<number>: config.json, metrics.jsonl,
checkpoints, replays of episodes with every step's decision, report.html.

examples:
  socialrl run experiments/coin_grid.py
  socialrl run experiments/coin_grid.py --help                 every setting of this experiment, with its meaning
  socialrl run experiments/coin_grid.py --seeds 3 --arms psiphi,dqn
  socialrl run experiments/coin_grid.py --world.size 7 --learner.lr 3e-4 --psiphi.learner.follow never
  socialrl run experiments/coin_grid.py --resume               goes on with the latest run of it
  socialrl run --resume runs/coin_grid/003                     goes on with that one

settings:
  --KEY VALUE sets any key of the experiment: `world.*` its world, `learner.*` every arm whose learner has the key,
  `<arm>.learner.*` and `<arm>.world.*` one arm alone. Lists are written 64,64, nothing is `none`.
"""

EVAL_HELP = """\
Tests the trained arms of a run for social learning: beside others, once these have left, alone, in bad company, on new worlds.

Held-out levels, the same under every condition, in the experiment's world for all arms. It shows the return with the company
there throughout (full), for the first half of each episode (half), and never; from these cultural transmission,
CT = (full - never) / 2E + (half - never) / 2E, with E the experts' own return; whether the hidden order is recovered, whether
the first choice after the experts have left is right, penalties; and the influence of the others on the policy. Intervals are
stratified bootstraps over seeds. Records go into the run folder, in the place of earlier ones, and the report is written anew.

examples:
  socialrl eval runs/goal_cycle/001
  socialrl eval runs/goal_cycle/001 --arms ppo,sociapl --episodes 512
  socialrl eval runs/goal_cycle/001 --seeds 1 --episodes 16      a quick look
  socialrl eval runs/goal_cycle/001 --out numbers.json           all measures of all conditions (default: evaluation.json)
  socialrl eval runs/goal_cycle/001 --protocol memory            is the hidden order in the memory? (see socialrl/protocols/)

settings:
  Companies, transfer worlds and so on are those of `social.Config(...)` where the experiment lists it in `protocols` (then
  `socialrl run` does all this at the end of each arm), else the defaults of socialrl/protocols/social.py.
"""

VIEW_HELP = """\
Opens replays in a window: the world, whom the novice follows now, and a timeline of all its decisions.

examples:
  socialrl view runs/coin_grid/001                             all replays of a run
  socialrl view runs/coin_grid/001/replays/psiphi-seed0.npz
  socialrl view runs/coin_grid/001 --export out.gif            an episode as a picture, no screen needed
  socialrl view runs/coin_grid/001 --export out.png --episode 2 --step 14
  socialrl view runs/coin_grid/001 --export out.mp4            needs the extra `mp4`
  socialrl view runs/coin_grid/001 --export frames             a folder of pictures, one per step

keys: h shows them all; c compares with the next replay, r and x jump to rewards and penalties, d changes the panel.
"""

PLAY_HELP = """\
A person takes a seat of a world, with the keyboard, beside scripted co-players or a trained agent.

The window shows what the seat sees, with hidden orders for co-players, who know them; f shows everything, h the keys and the
rules. Each key is a step, or with --fps time passes by itself. Novices' seats stay empty unless a person or, by --with, an
agent that was trained takes them: it can be watched while it learns from you. Files are written when the window closes: a
replay opens in `socialrl view`, learners train from demonstrations, which hold no rewards (docs/demonstrations.md).

examples:
  socialrl play goal_cycle                                     find the hidden order that the experts know
  socialrl play goal_cycle --seat expert_0 --with runs/goal_cycle/001:medal     show it to a trained novice
  socialrl play coin_grid --demonstrations mine.npz --record mine-replay.npz
  socialrl play coin_grid --world.size 7 --world.experts 3 --fps 4
  socialrl play coin_grid --level my_level.txt --seed 3
  socialrl play goal_cycle --help                              every setting of this world, with its meaning
"""

RECORD_HELP = """\
Writes demonstrations: what scripted co-players or trained agents see and do in whole episodes, without rewards.

A file holds the arrays obs, action, next_obs, discount, last, present, with axes steps, episodes, seats, and opens with numpy
alone; docs/demonstrations.md describes it. In a world by name its co-players act and the novices are away; in a run folder's
world the trained agent acts greedily in the novices' seats. A person's are written by `socialrl play --demonstrations`.

examples:
  socialrl record goal_cycle --out demos.npz --episodes 64
  socialrl record goal_cycle --out demos.npz --world.size 9 --seats expert_0 --seed 3
  socialrl record coin_grid --out noisy.npz --world.experts '[{"policy": "noisy", "skill": 0.5}]'
  socialrl record runs/coin_grid/001 --arm psiphi --out psiphi.npz
  socialrl record runs/coin_grid/001:psiphi:2 --out psiphi.npz --seats novice,expert     seed 2 of the run, and its company
  socialrl record goal_cycle --help                            every setting of this world, with its meaning
"""

REPORT_HELP = """\
Writes one self-contained page of a run, or of several side by side.

examples:
  socialrl report runs/coin_grid/001
  socialrl report runs/coin_grid/001 runs/coin_grid/002 --out both.html
"""

MAIN_HELP = """\
Learning from others in gridworlds: train agents that decide at every step whom to imitate, and see every decision.

examples:
  socialrl list                                                what there is
  socialrl run experiments/coin_grid.py                        trains, records, reports
  socialrl eval runs/coin_grid/001                             tests for social learning
  socialrl view runs/coin_grid/001                             shows the decisions
  socialrl play goal_cycle                                     lets a person in
  socialrl COMMAND --help                                      more about a command
"""

RUN_VALUES, RUN_FLAGS = ("--out", "--platform"), ("--help", "-h")


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        from socialrl_envs.errors import SocialRLError

        raise SocialRLError(message, f"see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 2 for what the user can mend (told in one line), 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _main(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, `| head` say, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        print(": ".join(["\nsocialrl: stopped", *map(str, stop.args)]), file=sys.stderr)
        return 130
    except ValueError as error:
        from socialrl_envs.errors import SocialRLError

        if not isinstance(error, SocialRLError):
            raise
        print(f"socialrl: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _main(arguments: list[str]) -> int:
    commands: dict[str, Callable[[list[str]], None]] = {
        "run": _run,
        "eval": _eval,
        "view": _view,
        "play": _play,
        "record": _record,
        "report": _report,
        "list": _list,
    }
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_main_parser().format_help(), end="")
        return 0
    if arguments[0] == "--version":
        from socialrl import __version__

        print(f"socialrl {__version__}")
        return 0
    name, *rest = arguments
    if name not in commands:
        from socialrl_envs.errors import unknown

        raise unknown("command", name, commands)
    try:
        commands[name](rest)
    except SystemExit as leave:  # argparse's way to end after --help
        return int(leave.code or 0)
    return 0


def _main_parser() -> argparse.ArgumentParser:
    parser = _parser("socialrl", MAIN_HELP)
    parser.add_argument("--version", action="store_true", help="print the version")
    sub = parser.add_subparsers(title="commands", metavar="COMMAND")
    sub.add_parser("run", help="train an experiment's arms and record them")
    sub.add_parser("eval", help="test the arms of a run for social learning")
    sub.add_parser("view", help="see a replay, step by step, or export it")
    sub.add_parser("play", help="take a seat of a world with the keyboard")
    sub.add_parser("record", help="write demonstrations of co-players or trained agents")
    sub.add_parser("report", help="write the page of one run or several")
    sub.add_parser("list", help="worlds, co-players, learners and experiments")
    return parser


def _parser(prog: str, text: str, **options: Any) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    head, _, tail = text.partition("\n\n")
    return _Parser(prog=prog, description=head, epilog=tail, formatter_class=formatter, allow_abbrev=False, **options)


# run


def _run_parser() -> argparse.ArgumentParser:
    parser = _parser("socialrl run", RUN_HELP, add_help=False, usage="socialrl run EXPERIMENT [options] [--KEY VALUE ...]")
    parser.add_argument("experiment", metavar="EXPERIMENT", nargs="?", help="a file of experiments/, or a run folder")
    parser.add_argument("-h", "--help", action="store_true", help="show this, and with EXPERIMENT all its settings")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/<experiment>/<next number>)")
    parser.add_argument("--resume", metavar="DIR", nargs="?", const="", help="go on with a run (default: the latest)")
    parser.add_argument("--platform", choices=("cpu", "cuda"), help="where to compute (default: the best there is)")
    return parser


def split_run_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own arguments, and the settings (`--key value` pairs) of the experiment."""
    own: list[str] = []
    settings: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        name, equals, _ = token.partition("=")
        takes_value = not equals and bool(rest) and not rest[0].startswith("--")
        target = own if name in (*RUN_VALUES, *RUN_FLAGS, "--resume") or not token.startswith("--") else settings
        target.append(token)
        if takes_value and token.startswith("--") and name not in RUN_FLAGS:
            target.append(rest.pop(0))
    return own, settings


def _run(arguments: list[str]) -> None:
    own, settings = split_run_arguments(arguments)
    options = _run_parser().parse_args(own)
    resume = None if options.resume is None else options.resume
    if options.experiment is None and resume and resume.endswith(".py"):
        options.experiment, resume = resume, ""  # `--resume experiments/x.py`: the latest run of that file
    source = options.experiment or resume
    if options.help and not source:
        print(_run_parser().format_help(), end="")
        return
    if not source:
        _run_parser().error("run needs an EXPERIMENT")
    if options.platform:
        os.environ["JAX_PLATFORMS"] = options.platform
    from socialrl.config import load_experiment
    from socialrl.overrides import apply

    experiment = apply(load_experiment(source), settings)
    if options.help:
        print(_run_parser().format_help())
        print(settings_help(experiment))
        return
    device = _device(options.platform)
    _check_builds(experiment)
    folder = _open_folder(experiment, options.out, resume, device, f"socialrl run {shlex.join(arguments)}")
    with folder:
        print(describe(experiment))
        print(f"{'device':<13}{device}\n{'folder':<13}{folder.path}\n", flush=True)
        try:
            importlib.import_module("socialrl.run").run(experiment, folder, resume=resume is not None)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"go on with `socialrl run --resume {shlex.quote(str(folder.path))}`") from stop


def _device(platform: str | None) -> str:
    """E.g. "cpu x1"; raises SocialRLError if there is no such device."""
    import jax

    from socialrl_envs.errors import SocialRLError

    try:
        devices = jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts where a plug-in is missing
        cure = "install the extra: pip install 'socialrl[cuda]'" if platform == "cuda" else "unset JAX_PLATFORMS"
        raise SocialRLError(
            f"--platform {platform}: jax finds no such device" if platform else f"jax: {error}", cure
        ) from error
    return f"{devices[0].platform} x{len(devices)}"


def _check_builds(experiment: "Experiment") -> None:
    """Builds every arm's world and learner once, so that an impossible one is told before a folder is made."""
    from socialrl.coerce import construct

    for arm in experiment.arms:
        world = construct(experiment.world_of(arm).build, "world" if arm.world is None else f"{arm.name}.world")
        construct(lambda arm=arm, world=world: arm.learner.build(world.spec), f"{arm.name}.learner")


def _open_folder(experiment: "Experiment", out: str | None, resume: str | None, device: str, command: str) -> "RunFolder":
    from socialrl.config import to_json
    from socialrl.record import folder
    from socialrl_envs.errors import SocialRLError

    if resume is None:
        return folder.create(to_json(experiment), out=out, device=device, command=command)
    if out and resume:
        raise SocialRLError("--out and --resume DIR both name a run folder", "give one of them")
    return folder.resume(resume or out or folder.latest("runs", experiment.name), to_json(experiment))


def describe(experiment: "Experiment") -> str:
    """The resolved experiment in lines of text: every setting with its value."""

    def line(word: str, config: Any, skipped: Sequence[str] = ()) -> str:
        known = [field.name for field in dataclasses.fields(config) if field.name not in skipped]
        words = [_name(config), *(f"{key}={_show(getattr(config, key))}" for key in known)]
        text = f"{word:<12} " + "  ".join(words)
        return textwrap.fill(text, width, subsequent_indent=" " * 13, break_long_words=False, break_on_hyphens=False)

    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    lines = [line("experiment", experiment, ("name", "world", "arms", "claims")), line("world", experiment.world)]
    for arm in experiment.arms:
        lines.append(line(f"arm {arm.name}", arm.learner))
        lines += [line("  its world", arm.world)] if arm.world is not None else []
    return "\n".join(lines)


def settings_help(experiment: "Experiment") -> str:
    """All keys that can be overridden, each with its type, value and meaning, in three columns."""
    from socialrl.coerce import describe as describe_type
    from socialrl.coerce import fields_of
    from socialrl.fielddocs import field_docs
    from socialrl.overrides import keys

    rows = []
    for key, holder in keys(experiment).items():
        part, _, name = key.rpartition(".")
        known = fields_of(type(holder))
        if key == "arms":
            kind, value = "a list of names", ", ".join(arm.name for arm in experiment.arms)
        else:
            kind, value = describe_type(known[name]), _values(experiment, part, name)
        rows.append((f"--{key}", f"{kind} = {value}", field_docs(type(holder)).get(name, "")))
    arms = ", ".join(arm.name for arm in experiment.arms)
    return f"settings of {experiment.name} (arms: {arms}), with type, value and meaning:\n{_columns(rows)}"


def _columns(rows: Sequence[tuple[str, str, str]]) -> str:
    """Keys, what they hold and what they mean, in three columns."""
    first = max(len(key) for key, _, _ in rows)
    second = min(max(len(value) for _, value, _ in rows), 48)
    width = max(shutil.get_terminal_size((150, 24)).columns - first - second - 6, 40)
    lines = []
    for key, value, doc in rows:
        columns = ([key], textwrap.wrap(value, second, break_on_hyphens=False), textwrap.wrap(doc, width))
        for parts in itertools.zip_longest(*columns, fillvalue=""):
            lines.append(f"  {parts[0]:<{first}}  {parts[1]:<{second}}  {parts[2]}".rstrip())
    return "\n".join(lines)


def _values(experiment: "Experiment", part: str, name: str) -> str:
    """The key's value, or where the arms differ each arm's."""
    if part == "":
        return _show(getattr(experiment, name))
    holders = {arm.name: experiment.world_of(arm) if part == "world" else arm.learner for arm in experiment.arms}
    shown = {arm: _show(getattr(holder, name)) for arm, holder in holders.items() if hasattr(holder, name)}
    if len(set(shown.values())) == 1 and len(shown) == len(holders):
        return next(iter(shown.values()))
    return ", ".join(f"{value} ({arm})" for arm, value in shown.items())


def _show(value: Any) -> str:
    """A setting's value in one line; of a part, such as a seat or a protocol, what is not its default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
        own = [f"{name}={_show(now)}" for name, (now, default) in held.items() if now != default]
        return f"{_name(value)}({', '.join(own)})"
    if isinstance(value, tuple | list):
        shown = [repr(item) if isinstance(item, str) else _show(item) for item in value]
        return f"({','.join(shown)}{',' * (len(shown) == 1)})"
    return str(value)


def _name(config: Any) -> str:
    """What a config is called: a Config by its file, anything that has a name by that, else by its class."""
    if type(config).__name__ == "Config":
        return type(config).__module__.rpartition(".")[2]
    return getattr(config, "name", type(config).__name__)


# eval


def _eval(arguments: list[str]) -> None:
    parser = _parser("socialrl eval", EVAL_HELP)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--arms", metavar="A,B", help="which arms (default: all)")
    parser.add_argument("--protocol", metavar="NAME", default="social", help="social (default), memory, few_shot, ...")
    parser.add_argument("--episodes", metavar="N", type=int, help="episodes per seed and condition")
    parser.add_argument("--seeds", metavar="K", type=int, help="only the first K seeds of the run")
    parser.add_argument("--out", metavar="FILE", help="where to write the numbers (default: evaluation.json in RUN)")
    parser.add_argument("--platform", choices=("cpu", "cuda"), help="where to compute (default: the best there is)")
    options = parser.parse_args(arguments)
    if options.platform:
        os.environ["JAX_PLATFORMS"] = options.platform
    from socialrl.coerce import construct
    from socialrl.config import load_experiment
    from socialrl.evaluate import evaluate, protocol_of
    from socialrl.record import folder
    from socialrl.run import finish

    with folder.resume(options.run) as opened:
        experiment = load_experiment(options.run)
        protocol = protocol_of(experiment, options.protocol)
        if options.episodes is not None:
            protocol = construct(lambda: dataclasses.replace(protocol, episodes=options.episodes), "--episodes", whole=False)
        _device(options.platform)
        arms = [name for name in (options.arms or "").split(",") if name]
        evaluate(experiment, opened, arms, protocol, experiment.seeds if options.seeds is None else options.seeds)
        finish(opened, Path(options.out) if options.out else None)


# play, record


def _play(arguments: list[str]) -> None:
    parser = _parser("socialrl play", PLAY_HELP, add_help=False, usage="socialrl play WORLD [options] [--world.KEY VALUE ...]")
    parser.add_argument("world", metavar="WORLD", nargs="?", help="a world's name (default: the one that --with learnt in)")
    parser.add_argument("-h", "--help", action="store_true", help="show this, and with WORLD all its settings")
    parser.add_argument("--seat", metavar="SEAT", help="yours (default: novice_0, or expert_0 beside a trained agent)")
    parser.add_argument("--with", metavar="RUN[:ARM[:SEED]]", dest="agent", help="who acts in the novices' seats")
    parser.add_argument("--level", metavar="FILE", type=Path, help="a drawn level, on which every episode begins")
    parser.add_argument("--seed", metavar="N", type=int, help="draws levels, and what others do (default: another each time)")
    parser.add_argument("--fps", metavar="N", type=float, help="steps per second in real time (default: each key is a step)")
    parser.add_argument("--record", metavar="FILE", type=Path, help="write a replay, .npz")
    parser.add_argument("--demonstrations", metavar="FILE", type=Path, help="write your demonstrations, .npz")
    options, settings = _with_settings(parser, arguments)
    if options.help and not options.world:
        print(parser.format_help(), end="")
    elif options.help:
        _world_help(parser, options.world)
    else:
        _with_extra("view", "socialrl.viewer")
        importlib.import_module("socialrl.play").play(
            options.world,
            agent=options.agent,
            seat=options.seat,
            seed=options.seed,
            settings=settings,
            level=options.level,
            fps=options.fps,
            replay=options.record,
            demonstrations=options.demonstrations,
        )


def _record(arguments: list[str]) -> None:
    usage = "socialrl record WORLD|RUN --out FILE [options] [--world.KEY VALUE ...]"
    parser = _parser("socialrl record", RECORD_HELP, add_help=False, usage=usage)
    parser.add_argument("target", metavar="WORLD|RUN", nargs="?", help="a world's name, or RUN[:ARM[:SEED]]")
    parser.add_argument("-h", "--help", action="store_true", help="show this, and with WORLD all its settings")
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write, .npz")
    parser.add_argument("--arm", metavar="ARM", help="which arm of RUN")
    parser.add_argument("--episodes", metavar="N", type=int, default=64, help="how many (default: 64)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="draws levels, and what everybody does (default: 0)")
    parser.add_argument("--seats", metavar="A,B", default="", help="which to record: names, titles (expert), or all")
    parser.add_argument("--level", metavar="FILE", type=Path, help="a drawn level, on which every episode begins")
    parser.add_argument("--platform", choices=("cpu", "cuda"), help="where to compute (default: the best there is)")
    options, settings = _with_settings(parser, arguments)
    if options.help and not options.target:
        print(parser.format_help(), end="")
        return
    if options.help:
        _world_help(parser, options.target)
        return
    if not options.target or not options.out:
        parser.error("record needs a WORLD or a RUN, and --out FILE")
    if options.platform:
        os.environ["JAX_PLATFORMS"] = options.platform
    _device(options.platform)
    importlib.import_module("socialrl.play").record(
        options.target,
        options.out,
        arm=options.arm,
        episodes=options.episodes,
        seed=options.seed,
        seats=[word for word in options.seats.split(",") if word],
        settings=settings,
        level=options.level,
    )
    print(options.out)


def _with_settings(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command's own options, and the settings of the world, `--world.size 9`."""
    own: list[str] = []
    settings: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        is_setting = token.startswith("--world.")
        (settings if is_setting else own).append(token)
        if is_setting and "=" not in token and rest and not rest[0].startswith("--"):
            settings.append(rest.pop(0))
    return parser.parse_args(own), settings


def _world_help(parser: argparse.ArgumentParser, world: str) -> None:
    """The help of a command, then all settings of a world, or of the world of a run."""
    from socialrl.coerce import describe as describe_type
    from socialrl.coerce import fields_of
    from socialrl.fielddocs import field_docs
    from socialrl.play.cast import world_of

    config = world_of(world)
    docs, kinds = field_docs(type(config)), fields_of(type(config))
    rows = [(f"--world.{k}", f"{describe_type(kind)} = {_show(getattr(config, k))}", docs[k]) for k, kind in kinds.items()]
    print(parser.format_help())
    print(f"settings of {_name(config)}, with type, value and meaning:\n{_columns(rows)}")


# view, report, list


def _view(arguments: list[str]) -> None:
    parser = _parser("socialrl view", VIEW_HELP)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a replay, or a run folder")
    parser.add_argument("--export", metavar="OUT", help="write an episode as .gif, .mp4 or a folder of .png, or a step as .png")
    parser.add_argument("--episode", type=int, help="which episode to export, from 0")
    parser.add_argument("--step", type=int, help="which step to export, from 0")
    parser.add_argument("--size", type=_size, metavar="WxH", help="size of what is exported, in pixels (default: 1280x800)")
    parser.add_argument("--fps", type=int, help="steps per second of an exported .gif or .mp4 (default: 8)")
    options = parser.parse_args(arguments)
    wanted = {key: getattr(options, key) for key in ("episode", "step", "size", "fps")}
    chosen = {key: value for key, value in wanted.items() if value is not None}
    from socialrl_envs.errors import SocialRLError

    if options.export is None:
        if chosen:
            raise SocialRLError(f"--{next(iter(chosen))} chooses what --export writes", "add --export OUT")
        _with_extra("view", "socialrl.viewer").view([Path(path) for path in options.paths])
        return
    if len(options.paths) > 1:
        raise SocialRLError(f"--export takes one PATH, got {len(options.paths)}", "export them one by one")
    out = Path(options.export)
    _with_extra("view", "socialrl.viewer").export(Path(options.paths[0]), out, **chosen)
    print(out)


def _size(text: str) -> tuple[int, int]:
    """`1280x800` as (1280, 800)."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, e.g. 1280x800")
    return int(width), int(height)


def _report(arguments: list[str]) -> None:
    parser = _parser("socialrl report", REPORT_HELP)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run folder")
    parser.add_argument("--out", metavar="FILE", help="where to write the page (default: report.html in the first RUN)")
    options = parser.parse_args(arguments)
    out = Path(options.out) if options.out else None
    report, runs = _with_extra("report", "socialrl.report"), [Path(run) for run in options.runs]
    page = report.write_report(runs, out)
    if claims := report.format_claims(runs):
        print(f"{claims}\n")
    print(page)


def _with_extra(extra: str, module: str) -> Any:
    """The module; a package of an extra that is not installed is told in one line."""
    from socialrl_envs.errors import SocialRLError

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("socialrl"):
            raise
        raise SocialRLError(
            f"`socialrl {extra}` needs {error.name}, which is not installed", f"pip install 'socialrl[{extra}]'"
        ) from error


def _list(arguments: list[str]) -> None:
    _parser("socialrl list", "Lists worlds, co-players, learners and experiments.\n\n").parse_args(arguments)
    from socialrl.registry import LEARNER
    from socialrl_envs.registry import discover

    groups = {
        "worlds": discover("socialrl_envs.worlds"),
        "co-players": discover("socialrl_envs.coplayers"),
        "learners": LEARNER.modules(),
    }
    found = {title: {name: _source_of(module) for name, module in group.items()} for title, group in groups.items()}
    found["experiments"] = {str(file): file for file in sorted(Path("experiments").glob("[!_]*.py"))}
    for title, group in found.items():
        print(title)
        for name, file in sorted(group.items()):
            print(f"  {name:<28} {_headline(file)}".rstrip())
        if not group:
            print("  none" if title != "experiments" else "  none in ./experiments")


def _source_of(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _headline(file: Path | None) -> str:
    """The first line of a file's docstring; the file is read, not run."""
    import ast

    try:
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file else None
    except (OSError, SyntaxError, ValueError):
        return "(cannot be read)"
    return (text or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
