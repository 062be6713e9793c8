"""Fields of configs with meanings and bounds, and the other errors that a user's values can cause."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Level, Seat, SocialRLError
from socialrl_envs.options import Meaning, Options, meanings, option, require
from socialrl_envs.roster import make_roster
from socialrl_envs.types import Params

FRUITS: list[str] = []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basket(Options):
    """Options of every kind."""

    size: int = option(9, "closed interval", low=5, high=64)
    rate: float = option(0.5, "open interval", above=0, below=1)
    count: int = option(1, "one end", low=1)
    sizes: tuple[int, ...] = option((1, 2), "entries of a tuple", low=1, high=3)
    kind: str = option("none", "a choice", choices=("none", "gru", "lstm"))
    fruit: str | None = option(None, "a choice that is known later", choices=lambda: (None, *FRUITS))
    width: int = option(4, "in words", low=0, words="a power of two")
    plain: str = "no option"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BigBasket(Basket):
    """A field more, another default for one, and a rule about two."""

    size: int = option(20, "a larger one", low=10, high=64)
    depth: int = option(1, "another", low=1)

    def __post_init__(self):
        super().__post_init__()
        require(self.depth <= self.size, "depth", self.depth, f"1..{self.size}, the size")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallBasket(Basket):
    """Another default for a field, which keeps its meaning and bounds."""

    size: int = 6


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"size": 3}, "size: 3 (it must be in 5..64)"),
        ({"size": 65}, "size: 65 (it must be in 5..64)"),
        ({"rate": 0.0}, "rate: 0.0 (it must be above 0 and below 1)"),
        ({"rate": 1.0}, "rate: 1.0 (it must be above 0 and below 1)"),
        ({"rate": float("nan")}, "rate: nan (it must be above 0 and below 1)"),
        ({"count": 0}, "count: 0 (it must be at least 1)"),
        ({"sizes": (1, 4)}, "sizes: (1, 4) (it must be in 1..3)"),
        ({"kind": "gur"}, "kind: 'gur' (did you mean 'gru'?)"),
        ({"kind": "xyz"}, "kind: 'xyz' (known: gru, lstm, none)"),
        ({"width": -1}, "width: -1 (it must be a power of two)"),
    ],
)
def test_a_value_out_of_its_bounds_names_the_key_and_the_bound(given, told):
    with pytest.raises(SocialRLError) as error:
        Basket(**given)
    assert str(error.value) == told


def test_values_at_their_bounds_are_taken():
    for given in (
        {"size": 5},
        {"size": 64},
        {"rate": 1e-6},
        {"sizes": ()},
        {"sizes": (3, 1)},
        {"kind": "lstm"},
    ):
        assert Basket(**given) == dataclasses.replace(Basket(), **given)


def test_choices_may_be_known_later(monkeypatch):
    with pytest.raises(SocialRLError):
        Basket(fruit="pear")
    monkeypatch.setattr("tests.envs.test_options.FRUITS", ["pear"])
    assert Basket(fruit="pear").fruit == "pear"


def test_a_subclass_inherits_options_replaces_them_and_adds_rules():
    assert list(meanings(BigBasket)) == [*meanings(Basket), "depth"]
    assert meanings(BigBasket)["size"].low == 10
    assert meanings(BigBasket)["rate"] == meanings(Basket)["rate"]
    assert "plain" not in meanings(Basket)
    assert meanings(SmallBasket)["size"] == meanings(Basket)["size"]
    with pytest.raises(SocialRLError, match=r"size: 300 \(it must be in 5\.\.64\)"):
        SmallBasket(size=300)
    for given, told in (({"size": 9}, "in 10..64"), ({"count": 0}, "count: 0"), ({"depth": 21}, "depth: 21")):
        with pytest.raises(SocialRLError) as error:
            BigBasket(**given)
        assert told in str(error.value)


def test_bounds_in_words():
    assert Meaning(help="").bound == ""
    assert Meaning(help="", high=3).bound == "at most 3"
    assert Meaning(help="", low=0.25, high=1).bound == "in 0.25..1"
    assert Meaning(help="", choices=("a", "b")).bound == "one of a, b"


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_option_and_every_parameter_of_a_world_has_a_meaning(name):
    world = socialrl_envs.make(name)
    for cls in (type(world.config), type(world.params)):
        named = meanings(cls)
        assert [field.name for field in dataclasses.fields(cls)] == list(named)
        assert all(what.help for what in named.values())


# --- seats


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ((0, 0, ()), "nobody lives in this world"),
        (((Seat(policy="planner"),), 0, ()), "novices: a seat with policy 'planner' (novices learn"),
        ((0, (Seat(),), ()), "experts: a seat with policy 'learner' (novices learn"),
        ((0, (Seat(policy="plannr"),), ()), "unknown co-player (expert) 'plannr' (did you mean 'planner'?)"),
        ((1, 0, (Seat(policy="wanderer", colour="red"),)), "wanderer_0.colour: 'red' (it must be #rrggbb)"),
    ],
)
def test_a_seat_that_cannot_be_is_named(groups, told):
    with pytest.raises(SocialRLError) as error:
        make_roster(*groups)
    assert told in str(error.value)


def test_agents_are_named_by_group_or_policy_and_counted():
    foes = (Seat(policy="anti_expert"), Seat(policy="wanderer"), Seat(policy="anti_expert"))
    roster = make_roster(2, (Seat(policy="noisy"),), foes)
    assert roster.agents == ("novice_0", "novice_1", "expert_0", "antiexpert_0", "wanderer_0", "antiexpert_1")
    assert (roster.novices, roster.coplayers) == ((0, 1), (2, 3, 4, 5))


def test_a_skill_is_a_probability():
    with pytest.raises(SocialRLError, match=r"skill: 1\.2 \(it must be in 0\.\.1\)"):
        Seat(policy="noisy", skill=1.2)


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_preferences_have_a_number_per_cumulant_or_there_are_none(name):
    alike = name.startswith("goal_")
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make(name, novices=(Seat(preferences=(1.0,)),))
    assert "novice_0.preferences: " in str(error.value)
    assert ("pays everybody alike" if alike else "(1.0,) has 1 numbers (give one per") in str(error.value)


# --- parameters and levels


def test_overrides_replace_parameters_and_an_unknown_one_names_the_nearest():
    params = socialrl_envs.make("goal_cycle").params
    changed = params.with_overrides({"penalty": np.float64(0.5), "size": 7})
    assert (float(changed.penalty), float(changed.size)) == (0.5, 7)
    assert changed.penalty.dtype == changed.size.dtype == jnp.float32
    assert changed.reward is params.reward
    assert type(changed) is type(params)
    with pytest.raises(SocialRLError, match=r"unknown parameter 'penalti' \(did you mean 'penalty'\?\)"):
        params.with_overrides({"penalti": 1.0})
    with pytest.raises(SocialRLError, match="unknown parameter 'penalty'"):
        socialrl_envs.make("coin_grid").sample_level(jax.random.key(0), {"penalty": jnp.float32(1)})


def test_an_edited_level_is_made_ready_again_by_the_reset():
    world = socialrl_envs.make("goal_search", size=5, layout="open", novices=1, experts=0)
    level = world.level("#####\n#1..#\n#...#\n#A..#\n#####\n")
    walled = level.edit(tiles=level.tiles.at[2, 1].set(1))
    assert (level.ready, walled.ready) == (True, False)
    assert walled.view == ()
    assert walled.position is level.position
    assert level.tiles[2].tolist() == [1, 0, 0, 0, 1]  # the old one is as it was
    state = world.reset(walled, jax.random.key(0))
    assert state.level.ready
    drawn = world.level(walled.to_ascii())
    for ours, theirs in zip(jax.tree.leaves(state.level), jax.tree.leaves(drawn), strict=True):
        assert np.array_equal(ours, theirs)
    with pytest.raises(TypeError):
        level.edit(tile=level.tiles)


def test_a_level_from_text_holds_the_parameters_that_it_names():
    level = Level.from_ascii("###\n#A#\n###\npenalty: 0.5\n")
    assert not isinstance(level.params, Params)
    assert {name: float(value) for name, value in level.params.items()} == {"penalty": 0.5}
