"""Judging: a person, or a synthetic one in its place, compares clips of trained agents.

session.py   which question is next, and the file that the answers go to
window.py    two clips side by side, in step, in the look of the viewer
commands.py  what `socialrl judge` does
"""
