"""The goal cycle that several experiments share, their lengths, and the settings of recurrent PPO for it.

Three tiles look alike and pay only in one order, which is drawn for every episode; a wrong one costs more
than a right one pays. Experts know the order. Beside experts that leave, a novice must remember it.
"""

from typing import Any

from socialrl.config import Claim
from socialrl.curricula import mixed
from socialrl.protocols import memory, social
from socialrl_envs.worlds import goal_cycle

WORLD = goal_cycle.Config(novices=1, experts=2, size=9, goals=3, layout="open", horizon=100, penalty=1.5)
PROTOCOLS = (social.Config(policies=("greedy",), transfer=()), memory.Config())
DROP_OUT = (("always", 0.15), ("never", 0.1), ("leaves", 0.3), ("comes_and_goes", 0.45))
NEVER = (("never", 1.0),)


def lengths(**changes: Any) -> dict[str, Any]:
    """Lengths of an experiment: steps between evaluations and so on, some of them changed."""
    return {
        "seeds": 10,
        "num_envs": 128,
        "unroll_length": 100,
        "num_levels": 4096,
        "level_refresh": 0.25,
        "chunk": 10,
        "evaluate_every": 250_000,
        "evaluation_episodes": 128,
        "final_episodes": 256,
        "checkpoint_every": 500_000,
    } | changes


def learner(steps: int) -> dict[str, Any]:
    """Settings of a recurrent, mirror-equivariant policy gradient, annealed over so many steps."""
    return {
        "hidden": (128,),
        "mirror": True,
        "recompute_advantages": False,
        "minibatches": 32,
        "lr_end": 1e-4,
        "entropy_coef": 0.03,
        "entropy_coef_end": 0.002,
        "anneal": steps,
    }


def growing_penalty(steps: int) -> tuple[mixed.Ramp, ...]:
    """A penalty that grows from 0.25 to 1.5 over so many steps, so that mistakes are cheap at first."""
    return (mixed.Ramp(param="penalty", start=(0.25, 0.25), end=(1.5, 1.5), steps=steps),)


def aims(arm: str, alone: str) -> tuple[Claim, ...]:
    """Claims that an arm follows, remembers, and goes on alone. alone: the arm that never meets experts,
    and the control of what an agent finds out by itself.
    """

    def aim(text: str, presence: str, *labels: tuple[str, str], **options: Any) -> Claim:
        given = (("presence", presence), *labels)
        return Claim(text=f"{arm}: {text}", source="aim", arm=arm, labels=given, **options)

    return (
        aim("A_full above 0.9 of the experts", "full", over="expert", times=0.9),
        aim("A_half above 0.9 of the experts", "half", over="expert", times=0.9),
        aim(
            "choices after the first since departure are right more often than the solitary's",
            "half",
            over=alone,
            measure="later_choices",
        ),
        aim(
            "fewer mistakes after departure than the solitary",
            "half",
            over=alone,
            below=True,
            measure="mistakes_after",
        ),
        aim(
            "before any own choice, its carry holds the order more often than the solitary's",
            "half",
            ("protocol", "memory"),
            over=alone,
            measure="untold_gone",
        ),
        aim("alone, better than trained alone", "never", over=alone),
    )
