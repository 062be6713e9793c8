"""Sweeps: arms x settings x blocks of seeds as tasks for many workers, joined to one run folder.

    runs/<experiment>/<NNN>/            an ordinary run folder, locked by the sweep
        tasks/plan.json                 how the seeds are divided, until all is joined
        tasks/<arm>/<seeds>/task.json   the experiment of one task: one arm, a block of seeds
        tasks/<arm>/<seeds>/<attempt>/  its run folder, named by the number of attempts to train it

A worker, whatever it runs on, does one thing: it trains what one task.json says, from the last checkpoint on.
All machines see the folder. What a task does is read from its files; nothing is sent back.

plan.py        arms by a grid of settings, and the tasks of an experiment
worker.py      what a worker does, also as a process of its own
progress.py    how far a task is, read from its folder
pool.py        the contract of workers, and the loop that gives them tasks and tries again
processes.py   workers as processes of this machine
cluster.py     workers of a Ray cluster
joining.py     the run folders of tasks as one
table.py       a live table of what runs where
sweeping.py    a sweep from beginning to end
space.py       what a search draws settings from, and its trials
search.py      searches of all arms, and their record
stopping.py    a search in processes of this machine, by Optuna
tune.py        a search on a Ray cluster, by Ray Tune
"""
