"""Toy worlds and learners as files that the registry discovers, for tests of configs."""

import importlib.util
import sys
import textwrap

import pytest

import socialrl.learners
import socialrl_envs.worlds
from socialrl_envs.registry import clear

LEARNER = '''
"""Learns nothing, quickly."""
import dataclasses
from typing import Literal
from socialrl_envs.options import option

@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    start: float = 1.0
    end: float = 0.0

@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    lr: float = option(1e-3, "step size of Adam")
    hidden: tuple[int, ...] = (64, 64)
    memory: Literal["none", "gru"] = option("none", 'kind of memory; "none" has none')
    clip: float | None = None
    gpi: bool = True
    schedule: Schedule = option(Schedule(), "how exploration falls")
    window: tuple[int, float] = (3, 0.5)
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    label: str = "toy"
    start: str | tuple[float, ...] = "always"

    def __post_init__(self):
        if self.lr <= 0:
            raise ValueError("lr must be positive")

    def build(self, spec):
        if self.label == "broken":
            raise ValueError(f"cannot learn in {spec}")
'''
OTHER = '''
"""Has a key of its own."""
import dataclasses
from socialrl_envs.options import option

@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    lr: float = 1e-2
    depth: int = option(2, "layers of the network", low=1)

    def build(self, spec):
        pass
'''
WORLD = '''
"""A world of one size."""
import dataclasses
import types
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import option

@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    size: int = option(9, "cells along a side")

    def __post_init__(self):
        if self.size < 3:
            raise SocialRLError(f"size: {self.size}", "it must be at least 3")

    def build(self):
        if self.size > 50:
            raise SocialRLError(f"size: {self.size}", "no room in memory")
        return types.SimpleNamespace(spec=f"a world of {self.size} cells")
'''


def _package(monkeypatch, package, folder, files):
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text).lstrip())
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    modules = []
    for name in files:
        # Past the type-checking import hook: users run without it, and it is their messages that are tested.
        spec = importlib.util.spec_from_file_location(f"{package.__name__}.{name}", folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        monkeypatch.setattr(package, name, module, raising=False)
        spec.loader.exec_module(module)
        modules.append(module)
    return modules


@pytest.fixture
def toys(tmp_path_factory, monkeypatch):
    """(toy learner's module, other learner's module, toy world's module), all in the registry."""
    folder = tmp_path_factory.mktemp("toys")
    learners = _package(
        monkeypatch, socialrl.learners, folder / "learners", {"toy_learner": LEARNER, "toy_other": OTHER}
    )
    worlds = _package(monkeypatch, socialrl_envs.worlds, folder / "worlds", {"toy_world": WORLD})
    clear()
    yield (*learners, *worlds)
    monkeypatch.undo()
    clear()


@pytest.fixture
def experiment(toys):
    """Two arms, `toy` and `other`, of the two toy learners in the toy world."""
    from socialrl.config import Arm, Experiment

    learner, other, world = toys
    return Experiment(
        name="trial",
        question="Does it?",
        world=world.Config(),
        arms=(Arm(name="toy", learner=learner.Config()), Arm(name="other", learner=other.Config())),
    )
