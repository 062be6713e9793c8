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
class Hasty(coin_grid.Config):
    size: int = 5
    horizon: int = 4

    def build(self):
        world = super().build()
        usual = world.step

        def step(state, actions, key):
            after, outcome = usual(state, actions, key)
            return after, dataclasses.replace(outcome, truncated=after.time >= 2)

        world.step = step
        return world
"""
BROKEN = """
import dataclasses
from typing import ClassVar
import jax.numpy as jnp
from socialrl.curricula import Curriculum
from socialrl.record.labels import Memory
from socialrl.types import ActOutput, Learner, decision_of

@dataclasses.dataclass(frozen=True, kw_only=True)
class Growing:
    def build(self, spec):
        def act(state, carry, timestep, key, explore):
            batch = timestep.first.shape
            values = jnp.zeros((*batch, 1, len(spec.actions)), jnp.float32)
            return ActOutput(decision_of(jnp.zeros(batch, jnp.int32), values), carry, ())

        def update(state, experience, key):
            return jnp.append(state, 0.0), {"loss/none": jnp.float32(0)}

        return Learner(
            init=lambda key, unroll_length, num_envs: jnp.zeros(1, jnp.float32),
            act=act,
            update=update,
            initial_carry=lambda *batch: (),
        )

@dataclasses.dataclass(frozen=True, kw_only=True)
class Weather:
    def build(self, world):
        return Curriculum(
            init=lambda: (),
            overrides=lambda state, steps, key: {"rain": jnp.float32(0.5)},
            update=lambda state, measure, key: (state, {}),
        )

@dataclasses.dataclass(frozen=True, kw_only=True)
class Miscounting:
    kind: ClassVar[str] = "memory"
    needs: ClassVar[str] = "nothing"
    episodes: int = 1

    def count(self, study):
        return 3

    def run(self, study):
        measure = study.seeds.map(lambda key: {"zero": jnp.float32(0)}, 1)
        yield Memory("full"), measure(study.keys(0))

@dataclasses.dataclass(frozen=True, kw_only=True)
class Crashing:
    def build(self, spec):
        return spec.nothing
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
    assert capsys.readouterr().out == "pass  protocol protocol:Config: keeps the contract of protocols\n"


def test_a_world_that_breaks_a_rule_is_told(in_tmp, capsys):
    (in_tmp / "worlds.py").write_text(WORLD_FILE)
    assert main(["check", "worlds.py:Hasty"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "pass  world worlds.py:Hasty: builds with its defaults"
    assert (
        "FAIL  world worlds.py:Hasty: keeps the contract of worlds: coin_grid: terminated and truncated"
        in out[1]
    )
    assert "before the horizon 4" in out[1]


def test_a_learner_a_curriculum_and_a_protocol_that_break_a_rule_are_told(in_tmp, capsys):
    """Each in one line that names the rule, with the line of the user's own code if that raised."""
    (in_tmp / "mine.py").write_text(BROKEN)
    assert main(["check", "mine.py"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "FAIL  learner mine:Growing: keeps the contract of learners: "
        "Growing: state_keeps_its_structure: state was (1,) float32 and is (5,) float32 (weak: False)",
        "FAIL  curriculum mine:Weather: keeps the contract of curricula: "
        "Weather: overrides_fit_the_world: the levels of goal_cycle have no parameter rain",
        "FAIL  protocol mine:Miscounting: keeps the contract of protocols: "
        "count: it promises 3 conditions, run yields 1",
        "FAIL  learner mine:Crashing: keeps the contract of learners: "
        "Crashing: build: AttributeError: 'WorldSpec' object has no attribute 'nothing' (mine.py, line 52)",
    ]


def test_a_learner_and_a_curriculum_by_name(capsys):
    assert main(["check", "dqn", "mixed"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pass  learner dqn: keeps the contract of learners",
        "pass  curriculum mixed: keeps the contract of curricula",
    ]


def test_a_name_is_found_in_every_kind_that_has_it():
    assert [(found.kind.word, found.thing) for found in check.find("inverse_rl")] == [
        ("learner", LEARNER.config("inverse_rl")),
        ("protocol", PROTOCOL.config("inverse_rl")),
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
