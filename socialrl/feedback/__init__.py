"""Comparisons and marks by people, and what is learnt from them.

clips.py          a stretch of a replay that somebody judges, and what it is worth by cumulants
comparisons.py    the file of answers: one JSON line each, never lost
marks.py          good and bad while an agent acts, and the file of marks
credit.py         to which steps a mark is credited that comes late
lines.py          files of JSON lines, checked key by key
agreement.py      how far annotators agree, with each other and with themselves
teachers.py       synthetic people: Boltzmann-rational, short-sighted, noisy, tired, inverted
bradley_terry.py  preferences `w` over cumulants, with a posterior
reward_model.py   an ensemble of networks over own view and action
queries.py        which two clips to ask about next
config.py         options of learners that learn from comparisons

Of these clips.py, comparisons.py, marks.py and lines.py read and write files; the others are pure functions.
"""
