"""What of a level a curriculum designs: its walls, with items and starts; its company; or both.

Company is who of the co-players is there, how skilled, and with which preferences: parameters of the level,
one per seat. A policy belongs to a seat for good, so a level chooses among kinds of co-players by who is
present: a world with a planner, a wanderer and an anti-expert has levels with each of them, with several, and
with none.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Key

from socialrl.curricula import mixed
from socialrl.types import Overrides
from socialrl_envs.options import Options, option, require
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Level, World

DESIGNS = ("walls", "company", "both")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DesignConfig(Options):
    """Options of curricula that design levels."""

    designs: str = option(
        "walls",
        "what is designed: walls, with items and starts; company: presence, skill and preferences of the "
        "co-players; both. What is not designed is the world's own: walls are drawn anew",
        choices=DESIGNS,
    )
    presence: tuple[tuple[str, float], ...] = option(
        (("always", 0.5), ("never", 0.5)),
        "where company is designed: schedules of presence and their shares; each co-player draws its own",
    )
    skill: tuple[float, float] = option(
        (0.0, 1.0), "where company is designed: lowest and highest skill of a co-player", low=0, high=1
    )
    preferences: bool = option(
        True, "where company is designed: whether co-players draw their preferences among theirs"
    )
    density: tuple[float, float] | None = option(
        None, "lowest and highest density of a new level's walls; none is the world's own", low=0, high=1
    )
    unrolls: int = option(
        1, "unrolls for which a level is played before the next is chosen; best whole episodes", low=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        mixed.check_presence(self.presence)
        require(len(self.presence) > 0, "presence", self.presence, "at least one schedule")
        for key, ends in (("skill", self.skill), ("density", self.density or (0.0, 0.0))):
            require(ends[0] <= ends[1], key, ends, "the lowest, then the highest value")


class Design:
    """Levels of one world by what is designed of them; raises SocialRLError where there is no company to
    design.
    """

    def __init__(self, config: DesignConfig, world: World):
        self.config, self.world = config, world
        self.walls, self.company = config.designs != "company", config.designs != "walls"
        if self.company:
            coplayers = len(world.spec.coplayers)
            require(coplayers > 0, "designs", config.designs, "walls, for nobody else lives in this world")
        self.seats = np.array(world.spec.coplayers, np.int32)
        drawn = ("presence", "skill", "preferences") if config.preferences else ("presence", "skill")
        self.names = tuple(name for name in drawn if name in world.params.named())

    def fresh(self, key: Key[Array, ""]) -> Level:
        """A level drawn at random."""
        level_key, company_key = jax.random.split(key)
        return self._sample(level_key, self.draw_company(company_key) if self.company else {})

    def again(self, level: Level, key: Key[Array, ""]) -> Level:
        """A kept level as it is handed out again: where walls are not designed they are drawn anew."""
        return level if self.walls else self._sample(key, self.company_of(level))

    def edited(self, levels: Level, key: Key[Array, ""], edits: int) -> Level:
        """Levels, leaves (M, ...), after so many random edits each of all that is designed, solvable if they
        were; where walls are not designed they are drawn anew.
        """
        more_key, last_key, again_key = jax.random.split(key, 3)
        count = jax.tree.leaves(levels)[0].shape[0]

        def more(levels: Level, keys: Key[Array, " M"]) -> tuple[Level, None]:
            return jax.vmap(lambda level, key: self._edited(level, key).edit())(levels, keys), None

        # What view and planner derive from the tiles is needed after the last edit alone.
        draft = jax.vmap(lambda level: level.edit())(levels)
        if edits > 1:
            draft, _ = jax.lax.scan(more, draft, jax.random.split(more_key, (edits - 1, count)))
        ready = jax.vmap(self._edited)(draft, jax.random.split(last_key, count))
        return jax.vmap(self.again)(ready, jax.random.split(again_key, count))

    def draw_company(self, key: Key[Array, ""]) -> Overrides:
        """The parameters of a company drawn at random; novices keep theirs."""
        presence_key, skill_key, preferences_key = jax.random.split(key, 3)
        own, count = self.world.params.named(), len(self.world.spec.coplayers)
        schedules = jnp.array([SCHEDULES[name] for name, _ in self.config.presence], jnp.float32)
        shares = jnp.log(jnp.array([share for _, share in self.config.presence], jnp.float32))
        low, high = self.config.skill
        which = jax.random.randint(preferences_key, (count,), 0, count)
        drawn = {
            "presence": schedules[jax.random.categorical(presence_key, shares, shape=(count,))],
            "skill": low + (high - low) * jax.random.uniform(skill_key, (count,)),
        }
        if "preferences" in self.names:
            drawn["preferences"] = jnp.asarray(own["preferences"])[self.seats][which]
        return {name: jnp.asarray(own[name]).at[self.seats].set(value) for name, value in drawn.items()}

    def company_of(self, level: Level) -> Overrides:
        """The parameters of the level's company."""
        return {name: jnp.asarray(level.params.named()[name]) for name in self.names}

    def edit_company(self, level: Level, key: Key[Array, ""]) -> Level:
        """The level with one parameter of one co-player drawn anew."""
        draw_key, seat_key, name_key = jax.random.split(key, 3)
        drawn, old = self.draw_company(draw_key), self.company_of(level)
        seat = jax.random.choice(seat_key, jnp.asarray(self.seats))
        number = jax.random.randint(name_key, (), 0, len(self.names))
        changed = {
            name: jnp.where(number == i, old[name].at[seat].set(drawn[name][seat]), old[name])
            for i, name in enumerate(self.names)
        }
        return dataclasses.replace(level, params=level.params.with_overrides(changed))

    def _sample(self, key: Key[Array, ""], company: Overrides) -> Level:
        """A new level with this company."""
        if self.config.density is None:
            return self.world.sample_level(key, company)
        level_key, density_key = jax.random.split(key)
        low, high = self.config.density
        density = low + (high - low) * jax.random.uniform(density_key)
        return self.world.sample_level(level_key, company | {"density": density})

    def _edited(self, level: Level, key: Key[Array, ""]) -> Level:
        """The level after one edit of its walls and one of its company, as far as these are designed."""
        walls_key, company_key = jax.random.split(key)
        if self.walls:
            level = self.world.mutate(level, walls_key)
        return self.edit_company(level, company_key) if self.company else level
