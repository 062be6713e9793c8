"""Learners that decide at every step whether to imitate another agent, and the runs, records and reports
around them.
"""

__version__ = "0.1.0"
