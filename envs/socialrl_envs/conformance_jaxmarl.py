"""check_env(): whether an environment with JaxMARL's methods keeps what its users rely on.

    from socialrl_envs.conformance_jaxmarl import check_env
    check_env(MyEnv())

It needs `agents`, `reset(key)`, `step(key, state, actions)`, `observation_space(agent)`,
`action_space(agent)`. Each rule is a function below, which raises AssertionError that begins with the rule.
JaxMARL itself is not needed. What is invisible from outside cannot be checked: whether agents overlap, or
which observation was really the last one where `infos` has none.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.random import clone  # one key for two runs that must be equal
from jax.typing import ArrayLike
from jaxtyping import Int32, Key, PyTree

ALL = "__all__"
LAST = ("last_obs", "terminal_observation", "final_observation", "final_obs")  # names in use for it in infos
STEPS = 256


@runtime_checkable
class JaxMarlLike(Protocol):
    """The methods of JaxMARL's MultiAgentEnv. Dicts are by agent; dones have "__all__" besides."""

    @property
    def agents(self) -> Any: ...

    def reset(self, key: Key[Array, ""]) -> tuple[Any, Any]: ...

    def step(self, key: Key[Array, ""], state: Any, actions: Any) -> tuple[Any, Any, Any, Any, Any]: ...

    def observation_space(self, agent: str) -> Any:
        """A space with `shape` and `contains(x)`."""
        ...

    def action_space(self, agent: str) -> Any:
        """A space with `sample(key)`."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trace:
    """T steps with random actions, on the host; every leaf (T, ...).

    seen: observations before each step. obs: those that `step` returned, after any reset.
    """

    seen: dict[str, np.ndarray]
    obs: dict[str, np.ndarray]
    rewards: dict[str, np.ndarray]
    dones: dict[str, np.ndarray]
    infos: Any


def demand(kept: ArrayLike | list[bool], rule: str, detail: str) -> None:
    """Raises AssertionError that begins with the rule, unless all of `kept` is true."""
    if not bool(np.all(kept)):
        raise AssertionError(f"{rule}: {detail}")


def random_actions(env: JaxMarlLike, key: Key[Array, ""]) -> dict[str, Array]:
    """An action per agent, drawn from its action space."""
    keys = jax.random.split(key, len(env.agents))
    return {agent: env.action_space(agent).sample(k) for agent, k in zip(env.agents, keys, strict=True)}


def player(env: JaxMarlLike, steps: int) -> Callable[[Array], tuple[Any, ...]]:
    """key -> the leaves of a Trace of that many steps, in one scan."""

    def play(key: Key[Array, ""]) -> tuple[Any, ...]:
        reset_key, play_key = jax.random.split(key)
        start = env.reset(reset_key)

        def one(carry: tuple[Any, Any], time: Int32[Array, ""]) -> tuple[tuple[Any, Any], tuple[Any, ...]]:
            seen, state = carry
            action_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
            obs, after, *rest = env.step(step_key, state, random_actions(env, action_key))
            return (obs, after), (seen, obs, *rest)

        return jax.lax.scan(one, start, jnp.arange(steps))[1]

    return play


Run = Callable[[Array], tuple[Any, ...]]


def trace(run: Run, key: Key[Array, ""]) -> Trace:
    """What a compiled player gives, on the host."""
    seen, obs, rewards, dones, infos = jax.device_get(run(key))
    return Trace(seen=seen, obs=obs, rewards=rewards, dones=dones, infos=infos)


# --- rules about one call


def methods_and_agents(env: JaxMarlLike, key: Key[Array, ""]) -> None:
    """Observations, rewards and dones have an entry per agent, dones also "__all__"; rewards and dones are
    scalars.
    """
    rule, agents = "an entry per agent", set(env.agents)
    demand(len(agents) == len(env.agents) > 0, rule, f"agents {list(env.agents)} are not distinct names")
    obs, state = jax.eval_shape(env.reset, key)
    demand(
        set(obs) == agents, rule, f"reset gives observations of {sorted(obs)}, agents are {sorted(agents)}"
    )
    actions = jax.eval_shape(lambda k: random_actions(env, k), key)
    after, _, rewards, dones, _ = jax.eval_shape(env.step, key, state, actions)
    for what, found, wanted in (
        ("observations", after, agents),
        ("rewards", rewards, agents),
        ("dones", dones, agents | {ALL}),
    ):
        demand(wanted <= set(found), rule, f"step gives no {what} of {sorted(wanted - set(found))}")
    for what, found in (("reward", rewards), ("done", dones)):
        for agent, leaf in found.items():
            demand(leaf.shape == (), rule, f"the {what} of {agent} has shape {leaf.shape}, not ()")
    for agent in (*env.agents, ALL):
        demand(
            dones[agent].dtype == jnp.bool_, rule, f"the done of {agent} is {dones[agent].dtype}, not bool"
        )


def stable_under_scan(env: JaxMarlLike, key: Key[Array, ""]) -> None:
    """A step gives back a state and observations of the same structure, shapes and dtypes, as lax.scan
    demands.
    """
    rule = "shapes and dtypes stay under scan"
    before = jax.eval_shape(env.reset, key)
    actions = jax.eval_shape(lambda k: random_actions(env, k), key)
    after = jax.eval_shape(env.step, key, before[1], actions)[:2]
    demand(
        jax.tree.structure(before) == jax.tree.structure(after), rule, "a step changes the state's structure"
    )
    new = jax.tree.leaves(after)
    for (path, old), leaf in zip(jax.tree_util.tree_flatten_with_path(before)[0], new, strict=True):
        same = old.shape == leaf.shape and old.dtype == leaf.dtype
        place = ("obs", "state")[path[0].idx] + jax.tree_util.keystr(path[1:])
        demand(same, rule, f"a step turns {place} from {old.dtype}{old.shape} into {leaf.dtype}{leaf.shape}")


def traced_anew_the_same(env: JaxMarlLike, key: Key[Array, ""]) -> None:
    """The key is the only source of chance: traced twice, it is one program with the same constants."""
    rule = "one key, one trajectory"
    first, again = (jax.make_jaxpr(player(env, 2))(key) for _ in range(2))
    demand(str(first) == str(again), rule, "tracing it again gives another program (hidden randomness?)")
    demand(
        _equal(first.consts, again.consts),
        rule,
        "tracing it again gives other constants (hidden randomness?)",
    )


def vmap_equals_loop(env: JaxMarlLike, run: Run, key: Key[Array, ""], steps: int) -> None:
    """A batch of environments does what its members do one by one, up to the last bits of floats, and one key
    always gives one trajectory.
    """
    keys = jax.random.split(key, 2)
    together = jax.device_get(jax.jit(jax.vmap(player(env, steps)))(clone(keys)))
    for i in range(len(keys)):
        member, one = jax.tree.map(lambda leaf, i=i: leaf[i], together), jax.device_get(run(clone(keys)[i]))
        demand(_equal(one, run(clone(keys)[i])), "one key, one trajectory", "two runs of one key differ")
        demand(_equal(member, one, close=True), "vmap equals a loop", f"member {i} of {len(keys)} differs")


def _equal(a: PyTree, b: PyTree, close: bool = False) -> bool:
    pairs = list(zip(jax.tree.leaves(jax.device_get(a)), jax.tree.leaves(jax.device_get(b)), strict=True))
    if close:
        return all(np.allclose(x, y, atol=1e-5, equal_nan=True) for x, y in pairs)
    return all(np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f") for x, y in pairs)


# --- rules about a trace


def observations_in_space(env: JaxMarlLike, played: Trace) -> None:
    """Every observation, of a reset or a step, has the shape of its space and lies in it."""
    rule = "spaces contain observations"
    for agent in env.agents:
        space = env.observation_space(agent)
        found = np.concatenate([played.seen[agent][:1], played.obs[agent]])
        if found.shape[1:] != tuple(space.shape):
            demand(False, rule, f"{agent} sees shape {found.shape[1:]}, its space says {tuple(space.shape)}")
        inside = [bool(np.all(space.contains(jnp.asarray(one)))) for one in found]
        first = int(np.argmin(inside))
        span = f"{found[first].min()}..{found[first].max()}"
        demand(inside, rule, f"an observation of {agent} (step {first}, entries {span}) is outside its space")


def finite_rewards(env: JaxMarlLike, played: Trace) -> None:
    """Rewards are finite."""
    for agent in env.agents:
        demand(np.isfinite(played.rewards[agent]), "finite rewards", f"a reward of {agent} is not")


def dones_agree(env: JaxMarlLike, played: Trace) -> None:
    """`__all__` is true exactly when every agent is done: else a value is bootstrapped across a reset."""
    rule, ended = "done of every agent and __all__ agree", played.dones[ALL]
    each = np.stack([played.dones[agent] for agent in env.agents])
    at = int(np.argmax(ended & ~each.all(0)))
    late = [agent for agent, row in zip(env.agents, each, strict=True) if not row[at]]
    demand(each.all(0) | ~ended, rule, f"step {at} ends the episode, but {', '.join(late)} is not done")
    at = int(np.argmax(~ended & each.all(0)))
    demand(ended | ~each.all(0), rule, f"at step {at} every agent is done, but the episode goes on")


def next_episode_begins(env: JaxMarlLike, played: Trace) -> None:
    """After `__all__` a new episode begins: it does not stay done."""
    ends = np.flatnonzero(played.dones[ALL])
    if len(ends) == 0 or ends[0] == 0:
        return
    after = played.dones[ALL][ends[0] + 1 : 2 * ends[0] + 1]
    stuck = len(after) > 0 and bool(after.all())
    demand(
        not stuck,
        "a reset follows the end",
        f"from step {ends[0]} on every step is an end; `step` must reset",
    )


def last_observation_survives(env: JaxMarlLike, played: Trace) -> None:
    """If infos have the last observation, it is what `step` returns between ends, and at an end no reset's
    frame.
    """
    rule = "the true last observation is in infos"
    name = next((name for name in LAST if isinstance(played.infos, Mapping) and name in played.infos), None)
    if name is None:
        return
    ended, last = played.dones[ALL], played.infos[name]
    demand(
        isinstance(last, Mapping) and set(last) >= set(env.agents), rule, f"infos[{name!r}] is not by agent"
    )
    alike = np.ones(len(ended), bool)
    for agent in env.agents:
        axes = tuple(range(1, played.obs[agent].ndim))
        same = (last[agent] == played.obs[agent]).all(axes)
        at = int(np.argmin(same | ended))
        demand(same | ended, rule, f"infos[{name!r}][{agent!r}] differs from the observation at step {at}")
        alike &= same
    varied = any(np.any(played.obs[agent][1:] != played.obs[agent][:-1]) for agent in env.agents)
    overwritten = varied and ended.any() and bool(alike[ended].all())
    demand(
        not overwritten, rule, f"at every end infos[{name!r}] is the first observation of the next episode"
    )


CALL_RULES: tuple[Callable[[JaxMarlLike, Any], None], ...] = (
    methods_and_agents,
    stable_under_scan,
    traced_anew_the_same,
)
TRACE_RULES: tuple[Callable[[JaxMarlLike, Trace], None], ...] = (
    observations_in_space,
    finite_rewards,
    dones_agree,
    next_episode_begins,
    last_observation_survives,
)


def check_env(env: JaxMarlLike, key: Key[Array, ""] | None = None, steps: int = STEPS) -> None:
    """Raises AssertionError for the first rule that an environment breaks, in `steps` steps with random
    actions.
    """
    for _, check in checks(env, key, steps):
        check()


def checks(
    env: JaxMarlLike, key: Key[Array, ""] | None = None, steps: int = STEPS
) -> list[tuple[str, Callable[[], None]]]:
    """(what is checked, its check) of every rule, in the order in which they build on one another."""
    trace_key, vmap_key, *keys = jax.random.split(
        jax.random.key(0) if key is None else key, 2 + len(CALL_RULES)
    )
    run = jax.jit(player(env, steps))
    played = cache(lambda: trace(run, trace_key))
    called = [partial(rule, env, k) for rule, k in zip(CALL_RULES, keys, strict=True)]
    traced = [lambda rule=rule: rule(env, played()) for rule in TRACE_RULES]
    together = partial(vmap_equals_loop, env, run, vmap_key, steps)
    rules = (*CALL_RULES, *TRACE_RULES, vmap_equals_loop)
    return list(zip(map(_words, rules), (*called, *traced, together), strict=True))


def _words(rule: Callable[..., None]) -> str:
    return rule.__name__.replace("_", " ")
