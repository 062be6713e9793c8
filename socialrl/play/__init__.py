"""Episodes outside of training, recorded in files: of co-players, of trained agents, or with a person.

    record("goal_cycle", Path("demos.npz"), episodes=64)          # the command `socialrl record`
    play("goal_cycle", seat="expert_0", replay=Path("mine.npz"))  # `socialrl play`, needs the extra `view`
    play_web("goal_cycle", seats=["novice_0", "expert_0"])        # `socialrl play --web`, the extra `web`

cast.py     what acts on which seat of which world
session.py  episodes in which people act on seats, step by step, without a window
sight.py    what a person in a seat is shown
moves.py    which key is which action
board.py    the picture of a session in a window
keys.py     how keys and rules are shown there
window.py   the window of a session: keys become steps
web/        the same as a page, for several people (extra `web`)
"""

import os

from socialrl.play.commands import play, play_web, record

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # before a module of this package imports pygame

__all__ = ["play", "play_web", "record"]
