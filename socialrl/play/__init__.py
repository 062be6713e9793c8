"""Somebody acts, and files keep it: scripted co-players, trained agents, or a person at the keyboard.

    record("goal_cycle", Path("demos.npz"), episodes=64)           # the command `socialrl record`
    play("goal_cycle", seat="expert_0", replay=Path("mine.npz"))   # the command `socialrl play`, the extra `view`

cast.py     who acts on which seat of which world
session.py  a game of a person among others, step by step, without a window
board.py    what the person sees, as a picture
window.py   keys to steps
"""

from socialrl.play.commands import play, record

__all__ = ["play", "record"]
