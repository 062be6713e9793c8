"""Agent-steps per second of one of JaxMARL's environments, as JSON; `env_throughput.py --against` runs it
beside ours.

    uv run --no-project --with jaxmarl==0.2.0 python benchmarks/peers.py storm_2p --worlds 1024 --threads 2

Random actions, `step` as it comes (it resets by itself), the observations of all agents written out at every
step.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import jaxmarl  # pyright: ignore[reportMissingImports]  (it lives in an environment of its own)
import numpy as np


def make_chunk(env, worlds, steps):
    """(states, key) -> (states, observations of every step, rewards, dones)."""

    def step(states, key):
        action_key, step_key = jax.random.split(key)
        keys = jax.random.split(action_key, env.num_agents)
        actions = {
            agent: jax.random.randint(k, (worlds,), 0, env.action_space(agent).n)
            for agent, k in zip(env.agents, keys, strict=True)
        }
        as_given = actions if _keeps_names(env) else [actions[agent] for agent in env.agents]
        seen, states, reward, done, _ = jax.vmap(env.step)(
            jax.random.split(step_key, worlds), states, as_given
        )
        return states, (seen, reward, done)

    return lambda states, key: jax.lax.scan(step, states, jax.random.split(key, steps))


def _keeps_names(env):
    """Whether actions come by the agent's name (its classes with numbered agents take a list)."""
    return isinstance(env.agents[0], str)


def measure(name, worlds, seconds, threads, megabytes):
    """Median agent-steps per second of all threads together, each with its share of the worlds."""
    env = jaxmarl.make(name)
    share = worlds // threads
    keys = jax.random.split(jax.random.key(0), threads)
    seen, states = jax.vmap(env.reset)(jax.random.split(keys[0], share))
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(seen))
    steps = int(np.clip(megabytes * 2**20 // (threads * size), 4, 512))
    start = time.perf_counter()
    run = jax.jit(make_chunk(env, share, steps)).lower(states, keys[0]).compile()
    compiled = time.perf_counter() - start
    carried, rates, spent = [states] * threads, [], 0.0
    with ThreadPoolExecutor(threads) as pool:
        while spent < seconds or len(rates) < 4:
            start = time.perf_counter()
            done = list(pool.map(lambda states, key: jax.block_until_ready(run(states, key)), carried, keys))
            taken = time.perf_counter() - start
            carried, spent = [out[0] for out in done], spent + taken
            rates.append(steps * share * threads * env.num_agents / taken)
    return {
        "agents": env.num_agents,
        "rate": float(np.median(rates[1:])),
        "compile": compiled,
        "views": size // share,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="storm_2p, storm, coin_game, ...")
    parser.add_argument("--worlds", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--megabytes", type=int, default=16)
    args = parser.parse_args()
    print(json.dumps(measure(args.name, args.worlds, args.seconds, args.threads, args.megabytes)))


if __name__ == "__main__":
    main()
