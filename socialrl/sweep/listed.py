"""A search over a grid: all its settings, or so many of them, are tried to the end."""

from socialrl.sweep.plan import write_task
from socialrl.sweep.pool import Pool, Queue, carry_out
from socialrl.sweep.space import Trials, grid
from socialrl.sweep.stopping import name
from socialrl.sweep.table import shown
from socialrl_envs.errors import SocialRLError


def searched(trials: Trials, pool: Pool, count: int, retries: int) -> None:
    """Has the workers train so many trials of an arm; what they found is in the folder of the trials.

    After Ctrl-C the workers save, and KeyboardInterrupt is raised. Raises SocialRLError if the folder has
    trials of other values, or of another length.
    """
    wanted, known = grid(trials.space, count), len(trials.drawn)
    if trials.drawn[:count] != wanted[:known]:
        raise SocialRLError(
            f"{trials.file}: a search over other values", "choose another --trial-runs, or delete it"
        )
    for drawn in wanted[known:]:
        trials.add(drawn)
    queue = Queue({})
    for place in dict.fromkeys(map(trials.place, range(count))):
        queue.experiments[place] = trials.experiment_at(place)
        write_task(place, queue.experiments[place])
        if not trials.over(place):
            queue.waiting.append(place)
    with shown(f"search {trials.arm.name}", queue, name, total=count) as board:
        carry_out(queue, pool, retries=retries, watcher=board)
