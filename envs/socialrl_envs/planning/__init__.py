"""Planning for scripted co-players.

values.py    values of cells by value iteration, for either movement; distances
tables.py    action tables of seats that turn, computed with the level
pursuit.py   the action of a planner, from tables where the level has them
"""
