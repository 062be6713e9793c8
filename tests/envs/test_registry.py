"""Worlds and co-players by file stem; a new file is all that a new world needs."""

import importlib
import importlib.metadata
import sys
import types

import jax
import pytest

import socialrl_envs
import socialrl_envs.coplayers
import socialrl_envs.worlds
from socialrl_envs import SocialRLError, plugins, registry
from socialrl_envs.conformance import check_coplayer, check_world


def test_names_are_those_of_the_files():
    assert "coin_grid" in socialrl_envs.names()
    assert {"planner", "noisy", "wanderer", "anti_expert"} <= set(socialrl_envs.coplayer_names())
    assert list(socialrl_envs.names()) == sorted(socialrl_envs.names())


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_world_is_built_by_its_name_with_defaults(name):
    world = socialrl_envs.make(name)
    assert world.spec.name == name
    assert isinstance(world, socialrl_envs.World)
    assert isinstance(world.config, registry.world_config(name))
    assert world.spec.novices + world.spec.coplayers == tuple(range(len(world.spec.seats)))
    assert registry.world_config(name).__doc__


@pytest.mark.parametrize("name", socialrl_envs.coplayer_names())
def test_every_coplayer_can_be_a_seat(name):
    world = socialrl_envs.make("coin_grid", coplayers=(socialrl_envs.Seat(policy=name),))
    assert world.spec.agents[-1] == f"{name.replace('_', '')}_0"
    assert registry.coplayer(name).__doc__


def test_what_is_unknown_names_the_nearest_right_spelling():
    with pytest.raises(SocialRLError, match=r"unknown world 'coingrid' \(did you mean 'coin_grid'\?\)"):
        socialrl_envs.make("coingrid")
    with pytest.raises(
        SocialRLError, match=r"coin_grid: unknown option 'colour' \(did you mean 'colours'\?\)"
    ):
        socialrl_envs.make("coin_grid", colour=2)
    with pytest.raises(SocialRLError, match=r"unknown co-player 'planer' \(did you mean 'planner'\?\)"):
        registry.coplayer("planer")
    with pytest.raises(SocialRLError, match="known: "):
        socialrl_envs.make("xyz")


WORLD = '''
"""coin_grid in which everybody is paid double."""
import dataclasses
from socialrl_envs.worlds import coin_grid

@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(coin_grid.Config):
    """No options of its own."""
    def make_task(self, roster):
        return DoubleCoins(self, roster)

class DoubleCoins(coin_grid.CoinGrid):
    name = "double_coins"
    def default_params(self):
        table = super().default_params()["preferences"]
        return {"preferences": [tuple(2 * worth for worth in row) for row in table]}
'''
COPLAYER = '''
"""Never moves."""
import jax.numpy as jnp

def act(world, state, seat, key):
    return jnp.int32(len(world.spec.actions) - 1)
'''


@pytest.fixture
def new_files(tmp_path, monkeypatch):
    """A new world and a new co-player in folders that the packages look into."""
    for package, name, text in (
        (socialrl_envs.worlds, "double_coins", WORLD),
        (socialrl_envs.coplayers, "statue", COPLAYER),
    ):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        (folder / "_helper.py").write_text("")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    registry.clear()
    yield
    registry.clear()
    for name in ("worlds.double_coins", "coplayers.statue", "double_coins_v0"):
        sys.modules.pop(f"socialrl_envs.{name}", None)


@pytest.mark.usefixtures("new_files")
def test_a_new_file_needs_no_other_edit():
    assert "double_coins" in socialrl_envs.names()
    assert "_helper" not in socialrl_envs.names()
    assert "statue" in socialrl_envs.coplayer_names()
    world = socialrl_envs.make(
        "double_coins", size=5, coins=1, coplayers=(socialrl_envs.Seat(policy="statue"),), horizon=8
    )
    check_world(world, eager=False)
    module = importlib.import_module("socialrl_envs.double_coins_v0")
    env = module.parallel_env(size=5, coins=1, experts=0, coplayers=(socialrl_envs.Seat(policy="statue"),))
    env.reset(seed=0)
    before = env.world_state.seats.position[1]
    env.step({"novice_0": 0})
    assert env.metadata["name"] == "double_coins_v0"
    assert (env.world_state.seats.position[1] == before).all()
    assert "double_coins_v0" in dir(socialrl_envs)
    assert jax.device_get(env.world_state.level.params.preferences)[0, 0] == 2


class Distribution:
    name, version = "strange", "2.0"


@pytest.fixture
def declared(monkeypatch):
    """Entry points: the world `money_grid`, the co-players `sleeper` (a module) and `dozer` (a function)."""
    points = {
        "socialrl.worlds": [("money_grid", "socialrl_envs.worlds.coin_grid:Config")],
        "socialrl.coplayers": [
            ("sleeper", "socialrl_envs.coplayers.wanderer"),
            ("dozer", "socialrl_envs.coplayers.wanderer:act"),
        ],
    }
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda group: [
            types.SimpleNamespace(name=name, value=value, dist=Distribution)
            for name, value in points.get(group, [])
        ],
    )
    registry.clear()
    yield
    registry.clear()
    sys.modules.pop("socialrl_envs.money_grid_v0", None)


@pytest.mark.usefixtures("declared")
def test_worlds_and_coplayers_of_a_package_are_used_like_built_in_ones():
    assert "money_grid" in socialrl_envs.names()
    assert socialrl_envs.make("money_grid", size=7).config.size == 7
    with pytest.raises(
        SocialRLError, match=r"money_grid: unknown option 'colour' \(did you mean 'colours'\?\)"
    ):
        socialrl_envs.make("money_grid", colour=2)
    seats = tuple(socialrl_envs.Seat(policy=name) for name in ("sleeper", "dozer"))
    module = importlib.import_module("socialrl_envs.money_grid_v0")
    env = module.parallel_env(coplayers=seats)
    assert (module.__doc__ or "").startswith("money_grid for PettingZoo")
    assert env.possible_agents == ["novice_0"]
    assert env.world.spec.agents[-2:] == ("sleeper_0", "dozer_0")
    env.reset(seed=0)
    env.step({"novice_0": 0})


def test_a_coplayer_of_a_file_is_a_seat(tmp_path):
    (tmp_path / "guards.py").write_text(COPLAYER)
    seat = socialrl_envs.Seat(policy="guards.py:act")
    with pytest.raises(SocialRLError, match=r"'guards\.py:act' is not built in; its code was not allowed"):
        socialrl_envs.make("coin_grid", coplayers=(seat,))
    plugins.allow(tmp_path / "guards.py")
    world = socialrl_envs.make("coin_grid", coplayers=(seat, socialrl_envs.Seat(policy="guards:act")))
    assert world.spec.agents[-2:] == ("act_0", "act_1")
    check_coplayer("guards:act", world, steps=4)
    with pytest.raises(
        SocialRLError, match=r"'guards:atc': guards has no 'atc' \(did you mean 'guards:act'\?\)"
    ):
        socialrl_envs.make("coin_grid", coplayers=(socialrl_envs.Seat(policy="guards:atc"),))
