"""Is one learner, in one set of settings, level with the best of several others in each of six worlds?

All learn beside experts, with as many seconds of training: in each world as many as the quickest arm there
took for all of its steps. Learners that compute more per step have a smaller share of the steps, so that all
take about as long. Settings are the same in all worlds; those of policy gradients are shared, and so are
those of the learners with a replay buffer. None is tuned for a world. Run it on a machine that does nothing
else.

The size is for two CPU cores; on a GPU: --steps 5000000 --num_envs 1024 --seeds 20
"""

from collections.abc import Iterator

from _worlds import OFF_POLICY, ON_POLICY, SELECTIVE, WORLDS, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import bc, dqn, ppo, psiphi, sociapl

BUFFERED = {key: value for key, value in OFF_POLICY.items() if key != "epsilon_steps"}
LEARNERS = {
    "selective": SELECTIVE,
    "ppo": ppo.Config(**ON_POLICY),
    "sociapl": sociapl.Config(**ON_POLICY),
    "dqn": dqn.Config(**OFF_POLICY),
    "psiphi": psiphi.Config(**OFF_POLICY),
    "bc": bc.Config(**BUFFERED),
}
SHARES = {"selective": 0.4, "dqn": 0.25, "psiphi": 0.12, "bc": 0.25}  # of the steps


def claims() -> Iterator[Claim]:
    """In every world, after equal seconds: at least 95 % of each other learner."""
    for place in WORLDS:
        for rival in LEARNERS:
            if rival != "selective":
                yield Claim(
                    text=f"{place}: after equal seconds, at least 95 % of {rival}",
                    source="aim",
                    arm=f"selective_{place}",
                    over=f"{rival}_{place}",
                    times=0.95,
                    measure="timed",
                )


experiment = Experiment(
    name="one_learner",
    question="Is one learner level with the best of several others in each of six worlds, at equal time?",
    world=WORLDS["coin_grid"],
    arms=tuple(
        Arm(name=f"{name}_{place}", learner=learner, world=world, share=SHARES.get(name, 1.0))
        for place, world in WORLDS.items()
        for name, learner in LEARNERS.items()
    ),
    steps=400_000,
    **lengths(evaluate_every=9_600),
    scale="two CPU cores: 48,000 to 400,000 steps per seed",
    claims=tuple(claims()),
)
