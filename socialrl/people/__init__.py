"""Studies with people: `socialrl study FILE`, from pages and episodes to an arm beside trained ones.

plan.py       what a study file says: pages, practice, tests, and conditions
order.py      which condition comes when, for each participant
log.py        the data file of a participant: every page and every step, as it happened
sitting.py    the way of a participant through a study, without a window
synthetic.py  scripted participants
measuring.py  the protocols' measures of what participants did, as a run folder
pages.py      the picture of a page
window.py     the window of a sitting
commands.py   the command `study`
"""
