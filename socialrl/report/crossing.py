"""Experiments that cross learners with conditions: their arms are named LEARNER_CONDITION."""

from collections.abc import Sequence

MANY = 8  # the most arms whose curves one picture shows together

Crossing = dict[str, dict[str, str]]


def crossing(names: Sequence[str]) -> Crossing | None:
    """{condition: {learner: arm}} in the order of the arms; None for at most MANY arms, or if the names are
    no product.
    """
    if len(names) <= MANY:
        return None
    known = set(names)
    for name in names:
        for at in (i for i, letter in enumerate(name) if letter == "_"):
            learners = [one.removesuffix(name[at:]) for one in names if one.endswith(name[at:])]
            first = f"{learners[0]}_"
            conditions = [one.removeprefix(first) for one in names if one.startswith(first)]
            found = {
                b: {a: f"{a}_{b}" for a in learners}
                for b in conditions
                if all(f"{a}_{b}" in known for a in learners)
            }
            if len(learners) > 1 and len(found) > 1 and len(learners) * len(found) == len(names):
                return found
    return None
