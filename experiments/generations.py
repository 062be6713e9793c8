"""Does what agents know accumulate in their weights over generations, above one life of as many steps?

In goal_sequence the order of three kinds of goals is hidden, and the same for four trials: who knows it makes
no mistake, who does not makes three in two trials. After Cook et al. (2024). Nobody has a recurrent cell; all
have the memory of places of shown_once.py. All arms take the same number of steps.

`culture` lives five lifetimes, each with new parameters beside the agent that the last one became, which
becomes rarer until the novice is alone. `one_life` spends the same steps in one life, alone. The controls
have other teachers in their five lifetimes: `oracle` a planner that knows the order, which is too good, and
`random` one that acts at random. Knowledge that is handed on in memory is the question of lifetimes.py.

On two seeds for tuning every lifetime came to remember the sequence by itself within its 400,000 steps, so
that little was left for the next one to learn from it.

The size is for two CPU cores; on a GPU: --world.goals 5 --world.size 9 --world.view 9 --steps 75000000
--num_envs 1024 --chunk 4, which gives each of five lifetimes the 15 million steps of the authors' code.
"""

from _cycle import lengths
from _sequence import ELDER, LIVES, NOBODY, NUM_ENVS, PAPER, TRIALS, after, life, pupil
from socialrl.config import Claim, Experiment, Generations
from socialrl.protocols import generations, social
from socialrl.tuned import tuned
from socialrl_envs.types import Seat
from socialrl_envs.worlds import goal_sequence

HORIZON = 80
CHUNK = NUM_ENVS * HORIZON
STEPS = LIVES * 40 * CHUNK  # 2,048,000
FIVE = Generations(count=LIVES)
ALONE = ("presence", "never")


def world(teacher: Seat) -> goal_sequence.Config:
    """One lifetime beside a teacher; at this penalty trying the first kind costs nothing on average."""
    return life(teacher, kinds=3, size=7, penalty=0.5, horizon=HORIZON)


experiment = Experiment(
    name="generations",
    question="Does what agents know accumulate in their weights over generations, above one life?",
    world=world(ELDER),
    arms=(
        pupil("culture", world(ELDER), STEPS // LIVES, generations=FIVE),
        pupil("one_life", world(NOBODY), STEPS),
        pupil("oracle", world(Seat(policy="planner")), STEPS // LIVES, generations=FIVE),
        pupil("random", world(Seat(policy="wanderer")), STEPS // LIVES, generations=FIVE),
    ),
    steps=STEPS,
    first_seed=1000,
    **lengths(
        num_envs=NUM_ENVS,
        unroll_length=HORIZON,
        chunk=1,
        num_levels=2048,
        evaluate_every=20 * CHUNK,
        checkpoint_every=40 * CHUNK,
    ),
    protocols=(
        social.Config(policies=("greedy",), transfer=(), companies=(), own_world=True),
        generations.Config(),
    ),
    scale="two CPU cores: 7x7, three kinds, 2 million steps per seed, five lifetimes",
    claims=(
        after("Five generations, alone, above one life", "culture", "one_life", ALONE),
        Claim(
            text="The fifth generation knows three quarters of the sequence in its last trial",
            source="aim",
            arm="culture",
            value=0.75,
            measure=f"known/{TRIALS}",
            labels=(("protocol", "generations"), ("generation", str(LIVES)), ALONE),
        ),
        Claim(
            text="The fifth generation, alone, above the first",
            source="ours",
            paper=PAPER,
            arm="culture",
            over="culture",
            labels=(("protocol", "generations"), ("generation", str(LIVES)), ALONE),
            over_labels=(("generation", "1"),),
        ),
        after("Above five lifetimes beside a teacher that is too good", "culture", "oracle", ALONE),
        after("Above five lifetimes beside a teacher at random", "culture", "random", ALONE),
    ),
)
experiment = tuned(experiment, __file__)
