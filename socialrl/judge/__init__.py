"""Judging: a person, or a synthetic one in its place, compares clips of trained agents.

session.py   which question is next, and the file that the answers go to
window.py    two clips side by side, in step, in the look of the viewer
marking.py   a synthetic person that marks good and bad steps of recorded episodes
adapting.py  an agent that lives by what was inferred
commands.py  what `socialrl judge` does
"""
