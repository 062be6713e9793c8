"""Documentation pages of the worlds: picture, rules, channels, options, a level and code of each.

    python -m socialrl_envs.gallery [--out docs/worlds]

All text is taken from the code: the docstrings of a world's module and of its Config, and its spec.
"""

import argparse
import dataclasses
import inspect
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jax
import numpy as np
from jaxtyping import UInt8

from socialrl_envs import registry, render
from socialrl_envs.options import meanings
from socialrl_envs.types import Level, Params, State, World

CELL = 24  # pixels
SEED = 1
GAP = 12  # pixels between the two halves of a picture

OTHERS = """\
# More

- [Preregistration](preregistration.md): claims and analysis of an experiment that is not run yet.
- [Experiments](experiments.md): one question each, what the literature claims and what was found here.
- [Demonstrations](demonstrations.md): the file format of recorded behaviour, to write and to learn from.
- [Code of your own](howto/plugins.md): worlds and learners in a file or a package, and which code is run.
"""
SNIPPETS = """With PettingZoo (`socialrl/{name}_v0` in its registry; for Gymnasium it is
`socialrl_envs.gym:socialrl/{name}-v0`):

```python
from socialrl_envs import {name}_v0

env = {name}_v0.parallel_env(novices=1, experts=2, render_mode="ansi")
observations, infos = env.reset(seed=0)
while env.agents:
    actions = {{agent: env.action_space(agent).sample() for agent in env.agents}}
    observations, rewards, terminations, truncations, infos = env.step(actions)
print(env.render())
```

In JAX, 64 worlds at once:

```python
import jax
import socialrl_envs

world = socialrl_envs.make("{name}", novices=1, experts=2)
host = socialrl_envs.host(world)  # acts for the co-players; a novice's entry is 0 until you fill it in


def episode(key):
    level_key, reset_key, play_key = jax.random.split(key, 3)
    state = world.reset(world.sample_level(level_key), reset_key)

    def step(state, time):
        host_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
        state, outcome = world.step(state, host(state, host_key), step_key)
        return state, outcome.reward

    return jax.lax.scan(step, state, jax.numpy.arange(world.spec.horizon))[1].sum(axis=0)


returns = jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), 64))
print(dict(zip(world.spec.agents, returns.mean(axis=0).tolist())))
```
"""


@cache
def sample(name: str) -> tuple[World, State, Level]:
    """(world, state, level) that the page of a world shows; the world has its default options."""
    world = registry.make(name)
    level_key, reset_key = jax.random.split(jax.random.key(SEED))
    level = jax.jit(world.sample_level)(level_key)
    return world, jax.jit(world.reset)(level, reset_key), level


def picture(world: World, state: State, cell: int = CELL) -> UInt8[np.ndarray, "h w 3"]:
    """An image of the whole state, and beside it one of the first seat's view where that is smaller."""
    whole = render.draw_state(world, state, cell)
    if sees_all(world, state):
        return whole
    part = render.draw_state(world, state, cell, seat=0)
    return np.concatenate([whole, np.full((len(whole), GAP, 3), 255, np.uint8), part], axis=1)


def sees_all(world: World, state: State) -> bool:
    """Whether the first seat's view covers the whole grid."""
    seen = world.picture(state, 0).visible
    return seen is None or bool(seen.all())


def page(name: str) -> str:
    """The page of a world, as Markdown."""
    world, state, level = sample(name)
    spec, module = world.spec, inspect.getmodule(type(world.config))
    title, _, rules = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    beside = "" if sees_all(world, state) else f" Right: what `{spec.agents[0]}` has in view."
    bounds = "0 or 1" if spec.binary_views else "0 to 255"
    parts = [
        f"# {name}",
        title,
        f"![{name}]({name}.png)",
        f"The whole state. Yellow notes mark what seats are not shown.{beside}",
        f"## Rules\n\n{rules}",
        f"## What a seat sees and does\n\nObservation: uint8 {spec.obs_shape}, {bounds}. "
        f"Actions: {_list(spec.actions)}.\n\n"
        f"Channels: {_list(spec.channels)}. Other seats are seen in {_list(spec.channels_of_others)}.\n\n"
        f"Cumulants (per seat and step): {_list(spec.cumulants)}.\n\n"
        f"## Parameters\n\nA curriculum may vary them from level to level without compiling anew.\n\n"
        f"{parameters(world.params)}",
        f"## Options\n\n{options(type(world.config))}",
        f"## Who acts\n\n`Seat(policy=...)` takes:\n\n{coplayers()}",
        f"## A level\n\n```text\n{drawing(level)}\n```",
        f"## Code\n\n{SNIPPETS.format(name=name)}",
    ]
    return "\n\n".join(parts)


def drawing(level: Level) -> str:
    """The level's ASCII without its parameters."""
    return level.edit(params={}).to_ascii().strip()


def options(config: type) -> str:
    """A world's options as a Markdown table."""
    what, rows = meanings(config), ["| Option | Type | Default | Values | Meaning |", "|---|---|---|---|---|"]
    for field in dataclasses.fields(config):
        typed = field.type
        kind = typed.__name__ if isinstance(typed, type) else re.sub(r"\w+\.(?=\w)", "", str(typed))
        one = what[field.name]
        cells = (f"`{field.name}`", f"`{kind}`", f"`{field.default!r}`", one.bound, one.help)
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


def parameters(params: Params) -> str:
    """The parameters of a world's levels as a Markdown table."""
    rows = ["| Parameter | Shape | Values | Meaning |", "|---|---|---|---|"]
    what = meanings(type(params))
    for name, value in params.named().items():
        rows.append(f"| `{name}` | {np.shape(value)} | {what[name].bound} | {what[name].help} |")
    return "\n".join(rows)


def coplayers() -> str:
    """A Markdown list of policies, each with the first line of its module's docstring."""
    lines = ["- `learner`: a novice. All others are co-players, whose actions come from the world's host:"]
    for name in registry.coplayer_names():
        lines.append(f"- `{name}`: {(registry.coplayer(name).__doc__ or '').splitlines()[0]}")
    return "\n".join(lines)


def contents() -> str:
    """The page that lists all worlds, as Markdown."""
    rows = ["| World | | |", "|---|---|---|"]
    for name in registry.names():
        text = inspect.cleandoc(inspect.getmodule(registry.world_config(name)).__doc__ or "")
        title, link = " ".join(text.split("\n\n")[0].split()), f"worlds/{name}.md"
        rows.append(f"| [{name}]({link}) | {title} | [![{name}](worlds/{name}.png)]({link}) |")
    head = ("# Worlds", "", "One page each: rules, channels, options, a level, code that runs.", "")
    return "\n".join([*head, *rows, "", OTHERS])


def write(out: Path) -> list[Path]:
    """Paths of the pages and pictures, which are written into `out`, and of the index in its parent."""
    out.mkdir(parents=True, exist_ok=True)
    texts = {out / f"{name}.md": page(name) for name in registry.names()} | {
        out.parent / "README.md": contents()
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    pictures = [out / f"{name}.png" for name in registry.names()]
    for path in pictures:
        path.write_bytes(render.to_png(picture(*sample(path.stem)[:2])))
    return [*texts, *pictures]


def _list(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def main() -> None:
    """Runs the command line of this module."""
    parser = argparse.ArgumentParser(
        prog="python -m socialrl_envs.gallery", description="Writes a page per world."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs/worlds"), help="folder for pages and pictures (docs/worlds)"
    )
    for path in write(parser.parse_args().out):
        print(f"{path}  {path.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
