"""`socialrl check`: what it finds in a file, and what it says of it."""

from pathlib import Path

import pytest

from socialrl import check
from socialrl.cli import main
from socialrl.registry import CURRICULUM, LEARNER, PROTOCOL, WORLD
from socialrl_envs import SocialRLError

PLAYERS = """
import jax.numpy as jnp

def helper(world, state):
    return 0

def statue(world, state, seat, key):
    return jnp.int32(0)

def liar(world, state, seat, key):
    return jnp.int32(99)

def crasher(world, state, seat, key):
    return state.nothing
"""
ENV = """
class Env:
    agents = ["a"]
    def reset(self, key):
        return {}, ()
    def step(self, key, state, actions):
        return {}, (), {}, {}, {}
    def observation_space(self, agent): ...
    def action_space(self, agent): ...

class Half:
    agents = ["a"]
"""
WORLD_FILE = """
import dataclasses
from socialrl_envs.worlds import coin_grid

@dataclasses.dataclass(frozen=True, kw_only=True)
class Generous(coin_grid.Config):
    size: int = 5
    horizon: int = 4
    def build(self):
        return World(self)

class World(coin_grid.CoinGrid):
    def step(self, state, actions, key):
        after, outcome = super().step(state, actions, key)
        return after, dataclasses.replace(outcome, truncated=after.time >= 2)
"""


@pytest.mark.parametrize("kind", [WORLD, LEARNER, CURRICULUM, PROTOCOL], ids=lambda kind: kind.word)
def test_every_built_in_config_is_taken_for_what_it_is(kind):
    for name in kind.names():
        assert check.kind_of_class(kind.config(name)) is kind, name


def test_coplayers_of_a_file_pass_or_are_told_in_one_line(in_tmp, capsys):
    (in_tmp / "players.py").write_text(PLAYERS)
    assert main(["check", "players.py"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "pass  co-player players:statue: keeps the contract of co-players"
    assert out[1].startswith("FAIL  co-player players:liar: keeps the contract of co-players: coin_grid: ")
    assert "liar's actions are in range" in out[1]
    assert out[2].startswith("FAIL  co-player players:crasher")
    assert out[2].endswith("AttributeError: 'State' object has no attribute 'nothing' (players.py, line 14)")
    assert len(out) == 3


def test_a_protocol_of_a_file(capsys):
    file = Path(__file__).parent.parent / "examples/socialrl_stranger/socialrl_stranger/protocol.py"
    assert main(["check", str(file)]) == 0
    assert "pass  protocol protocol:Config: runs and yields labels and values" in capsys.readouterr().out


def test_a_world_that_breaks_a_rule_is_told(in_tmp, capsys):
    (in_tmp / "worlds.py").write_text(WORLD_FILE)
    assert main(["check", "worlds.py:Generous"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "pass  world worlds.py:Generous: builds with its defaults"
    assert (
        "FAIL  world worlds.py:Generous: keeps the contract of worlds: coin_grid: terminated and truncated"
        in out[1]
    )
    assert "before the horizon 4" in out[1]


def test_a_learner_and_a_curriculum_by_name(capsys):
    assert main(["check", "dqn", "mixed"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pass  learner dqn: builds with its defaults",
        "pass  learner dqn: trains for a chunk",
        "pass  curriculum mixed: builds with its defaults",
        "pass  curriculum mixed: draws levels",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "check needs a FILE, MODULE or NAME"),
        ("coin_gird", "'coin_gird': no file, module or registered name (did you mean 'coin_grid'?)"),
        ("empty.py", "empty.py: no world, co-player, learner, curriculum or protocol is defined there"),
        ("--jaxmarl empty.py", "--jaxmarl empty.py: no class"),
        ("--jaxmarl env.py:Evn", "--jaxmarl env.py:Evn: env.py has no class 'Evn' (did you mean 'Env'?)"),
        (
            "--jaxmarl env.py:Half",
            "env.py:Half lacks a method of JaxMARL's environments (agents, reset, step",
        ),
        ("dqn --world coin_gird", "unknown world 'coin_gird'"),
    ],
)
def test_a_mistake_is_one_line(in_tmp, capsys, line, message):
    (in_tmp / "empty.py").write_text("x = 1\n")
    (in_tmp / "env.py").write_text(ENV)
    assert main(["check", *line.split()]) == 2
    assert message in capsys.readouterr().err


def test_an_environment_with_jaxmarls_methods(in_tmp, capsys):
    (in_tmp / "env.py").write_text(ENV)
    assert main(["check", "--jaxmarl", "env.py:Env"]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "FAIL  env.py:Env: methods and agents: an entry per agent: reset gives observations of []"
    )
    assert out.count("\n") == 1


def test_a_class_that_could_be_either_is_refused():
    class Config:
        def build(self, thing): ...

    with pytest.raises(SocialRLError, match="a learner's takes `spec`, a curriculum's `world`"):
        check.kind_of_class(Config)
