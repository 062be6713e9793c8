"""A bridge that is flooded now and then, and nothing shows it but what others do: how often does a
novice arrive in spite of it?

Two locals know and take the way around; a reckless driver takes the bridge in any case, and drowns. Who
waits and watches crosses when it is safe: a step costs little, the way around a quarter of what arriving is
worth, drowning all of it. Not to drown is no success: who waits for ever does not drown either. The rarer
the floods, the less there is to learn from. Everybody has a memory; `dqn_alone` has no company and one way
for all days.

The size is for two CPU cores; on a GPU: --world.size 11 --steps 500000 --seeds 64
"""

import dataclasses
from typing import Any

from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import dqn, ppo, psiphi
from socialrl.protocols import following, regret
from socialrl.tuned import tuned
from socialrl_envs.types import Seat
from socialrl_envs.worlds import flooded_road

FLOODS = (0.05, 0.15, 0.5)
WORLD = flooded_road.Config(
    novices=1,
    experts=2,
    coplayers=(Seat(policy="reckless"),),
    size=7,
    horizon=30,
    step_cost=0.04,
    identities=True,
)
ALONE = dataclasses.replace(WORLD, experts=0, coplayers=())
OFF_POLICY: dict[str, Any] = {
    "memory": "gru",
    "hidden": (128,),
    "gamma": 0.95,
    "batch": 8,
    "capacity": 40_000,
    "epsilon_steps": 30_000,
}
ON_POLICY = ppo.Config(hidden=(128,), epochs=4, entropy_coef=0.03, anneal=80_000)
LEARNERS = {
    "psiphi": (psiphi.Config(**OFF_POLICY), WORLD),
    "dqn": (dqn.Config(**OFF_POLICY), WORLD),
    "ppo": (ON_POLICY, WORLD),
    "dqn_alone": (dqn.Config(**OFF_POLICY), ALONE),
}
FLOODED = (("protocol", "regret"), ("condition", "flood 1"))

experiment = Experiment(
    name="flooded_road",
    question="How often does a novice arrive in a flood by watching others, and how rare may floods be?",
    world=WORLD,
    arms=tuple(
        Arm(name=f"{name}_{100 * flood:.0f}", learner=learner, world=dataclasses.replace(world, flood=flood))
        for flood in FLOODS
        for name, (learner, world) in LEARNERS.items()
    ),
    seeds=10,
    steps=80_000,
    num_envs=16,
    unroll_length=40,
    num_levels=2048,
    level_refresh=0.25,
    chunk=10,
    evaluate_every=10_000,
    evaluation_episodes=256,
    final_episodes=512,
    checkpoint_every=40_000,
    protocols=(
        following.Config(episodes=512, conditions=({"flood": 1.0}, {"flood": 0.0})),
        regret.Config(episodes=512, conditions=({"flood": 1.0}, {"flood": 0.0})),
    ),
    scale="two CPU cores: 7x7, 80,000 steps per seed",
    claims=tuple(
        claim
        for percent in (f"{100 * flood:.0f}" for flood in FLOODS)
        for claim in (
            Claim(
                text=f"{percent} % floods: company pays",
                source="aim",
                arm=f"dqn_{percent}",
                over=f"dqn_alone_{percent}",
            ),
            Claim(
                text=f"{percent} % floods: following pays more than watching",
                source="aim",
                arm=f"psiphi_{percent}",
                over=f"dqn_{percent}",
            ),
            Claim(
                text=f"{percent} % floods: psiphi arrives in nine of ten floods",
                source="aim",
                arm=f"psiphi_{percent}",
                value=0.9,
                measure="cumulants/arrived",
                labels=FLOODED,
            ),
        )
    ),
)
experiment = tuned(experiment, __file__)
