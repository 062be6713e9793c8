"""Does a learner that sees nothing earn more than DQN in coin_rush?"""

from socialrl_stranger import curriculum, learner, protocol, world

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn
from socialrl_envs.types import Seat

experiment = Experiment(
    name="coin_rush",
    question="Does a learner that sees nothing earn more than DQN in coin_rush?",
    world=world.Config(size=7, layout="cluttered", experts=1, coplayers=(Seat(policy="pacer"),)),
    arms=(Arm(name="bandit", learner=learner.Config()), Arm(name="dqn", learner=dqn.Config())),
    curriculum=curriculum.Config(steps=20_000),
    protocols=(protocol.Config(),),
    seeds=5,
)
