"""Prediction at the paper's size, 40 million steps per seed, on a GPU: the two arms of the first claim.

The arms `ppo_paper` and `prediction_paper` of prediction.py, unchanged; docs/preregistration.md says what is
claimed. On one H200 GPU the two arms of ten seeds take minutes; two CPU cores would need days.
"""

import dataclasses

from prediction import above
from prediction import experiment as small

ARMS = ("ppo_paper", "prediction_paper")

experiment = dataclasses.replace(
    small,
    name="prediction_full",
    question="At the paper's 40 million steps, does predicting the next observation make social learners?",
    arms=tuple(arm for arm in small.arms if arm.name in ARMS),
    steps=40_000_000,
    num_envs=1024,
    num_levels=65_536,
    evaluate_every=4_000_000,
    checkpoint_every=20_000_000,
    scale="a GPU: the paper's 40 million steps per seed, two arms of ten seeds",
    claims=(above("prediction is above PPO at 40 million steps", "prediction", "ppo", "paper"),),
)
