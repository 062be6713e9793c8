"""How fast a novice learns beside trained agents, in units of how fast it does beside a scripted planner.

    python benchmarks/partner_throughput.py
    python benchmarks/partner_throughput.py --worlds coin_grid --members 1,4,8 --num_envs 64 --hidden 64

For every world a row per company: a planner, and populations of so many agents, whose networks have the size
of the novice's and of which the level says who acts. Measured are the unroll alone, in which everybody acts
and nobody learns, and whole updates of recurrent PPO. Seconds are of the CPU, the least of some calls, and
hardly depend on what else runs on the machine; on an accelerator they are of the clock. The ratio is
env-steps per second over those beside the planner; the aim is 0.5.
"""

import argparse
import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any

import jax
from tables import table

from socialrl.assemble import Assembly, assemble
from socialrl.config import Arm, Experiment, Partners
from socialrl.learners import ppo
from socialrl_envs.registry import make
from socialrl_envs.types import Seat

UPDATES, REPEATS = 5, 5


def seconds(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The least seconds of a call, after a first one that is not counted: of the CPU, or on an accelerator of
    the clock.
    """
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    jax.block_until_ready(call())
    taken = []
    for _ in range(repeats):
        began = clock()
        jax.block_until_ready(call())
        taken.append(clock() - began)
    return min(taken)


def experiment_of(world: str, members: int, num_envs: int, unroll: int, hidden: int) -> Experiment:
    """Self-play, and a novice beside a planner, or beside so many of its agents if `members` is not 0."""
    planner = (Seat(policy="planner"),)
    home = make(world, novices=1, experts=planner, redrawn="partners").config
    learner = ppo.Config(hidden=(hidden,), minibatches=4)
    lend = Arm(name="lender", learner=learner, world=dataclasses.replace(home, novices=2, experts=0))
    at = tuple(number / max(members - 1, 1) for number in range(members))
    partners = Partners(arms=("lender",), at=at, seeds=0) if members else None
    return Experiment(
        name="speed",
        question="How fast?",
        world=home,
        arms=(lend, Arm(name="novice", learner=learner, partners=partners)),
        seeds=1,
        num_envs=num_envs,
        unroll_length=unroll,
        num_levels=256,
        chunk=UPDATES,
    )


def partners_of(made: Assembly) -> Any:
    """Untrained partners, each drawn for itself; how fast they act does not depend on what they learnt."""
    if made.arm.partners is None:
        return ()
    lender = made.lender("lender")

    def one(key: Any) -> Any:
        return lender.members([lender.trainer.start(key)]).leaves[0]

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), made.arm.partners.size))


def measured(experiment: Experiment) -> tuple[float, float]:
    """Env-steps per second of the unroll alone, and of whole updates."""
    made = assemble(experiment, experiment.arms[1])
    beside, trainer = partners_of(made), made.trainer
    training = jax.jit(trainer.start)(jax.random.key(0), beside)

    def unroll(training: Any, beside: Any) -> Any:
        def body(carry: Any, key: Any) -> tuple[Any, Any]:
            carry, seen, _ = trainer.beside(beside).unroll(
                training.learner, carry, training.levels, key, experiment.unroll_length
            )
            return carry, (seen.own.reward.sum(), seen.others.next_obs.sum(), seen.own.next_obs.sum())

        return jax.lax.scan(body, training.carry, jax.random.split(training.key, UPDATES))

    steps = experiment.chunk_steps
    alone, whole = jax.jit(unroll), jax.jit(trainer.chunk)
    return (
        steps / seconds(lambda: alone(training, beside)),
        steps / seconds(lambda: whole(training, beside)[1]),
    )


def main() -> None:
    """Runs the command line of this module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", default="coin_grid,rendezvous", help="worlds of cardinal moves or others")
    parser.add_argument("--members", default="1,4,12", help="sizes of populations (default 1,4,12)")
    parser.add_argument("--num_envs", type=int, default=64, help="parallel worlds (default 64)")
    parser.add_argument("--unroll", type=int, default=20, help="steps of an unroll (default 20)")
    parser.add_argument("--hidden", type=int, default=64, help="units of each network (default 64)")
    options = parser.parse_args()
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, {os.cpu_count()} cores")
    print(f"{options.num_envs} worlds x {options.unroll} steps per update, networks of {options.hidden}")
    head = ("world, beside", "unroll, steps/s", "ratio", "training, steps/s", "ratio")
    rows: list[tuple[Any, ...]] = [head]
    for world in options.worlds.split(","):
        base: tuple[float, float] | None = None
        for members in (0, *map(int, options.members.split(","))):
            size = (options.num_envs, options.unroll, options.hidden)
            found = measured(experiment_of(world, members, *size))
            base = base or found
            name = f"{world}, {members} trained" if members else f"{world}, a planner"
            ratios = [f"{one / other:.2f}" for one, other in zip(found, base, strict=True)]
            rows.append((name, f"{found[0]:,.0f}", ratios[0], f"{found[1]:,.0f}", ratios[1]))
            print(f"{name} done", flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
