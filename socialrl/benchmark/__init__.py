"""The benchmark "never worse than alone": does an agent profit by good company, and is it unharmed by bad?

suite.py     worlds, companies, conditions, and the levels that a salt draws: fixed for a version
measuring.py returns of an entrant, of planners and of random actions, under every condition
scores.py    from returns to one score per question
entrants.py  agents, runs, and learners that are trained for it
page.py      a page with a radar and a table

    socialrl benchmark assets/agents/coin_grid.npz --out results
"""
