"""Agreement against published and hand-computed values, and annotators that are not to be trusted."""

import math
import random

import pytest

from socialrl.feedback.agreement import agreement, cohens_kappa, krippendorffs_alpha
from tests.feedback.test_comparisons import answer


def test_cohens_kappa_by_hand():
    """20 x yes yes, 5 x yes no, 10 x no yes, 15 x no no: observed 0.7, by chance 0.5, kappa 0.4."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert math.isnan(cohens_kappa([]))
    assert math.isnan(cohens_kappa([("y", "y")] * 3))


def test_krippendorffs_alpha_of_his_example():
    """Krippendorff (2011), example C: four observers, twelve units, missing values; nominal alpha 0.743."""
    rows = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    columns = zip(*(row.split() for row in rows), strict=True)
    units = [[value for value in column if value != "."] for column in columns]
    assert krippendorffs_alpha([unit for unit in units if len(unit) > 1]) == pytest.approx(0.743, abs=5e-4)
    assert math.isnan(krippendorffs_alpha([]))


def asked(name, choices, swapped=(), **more):
    """Answers of one annotator about clips 10 and 20, 20 and 30, ...; the sides of some are swapped."""
    found = []
    for number, choice in enumerate(choices):
        sides = (10 * number, 10 * number + 10)
        left, right = sides[::-1] if number in swapped else sides
        found.append(answer(number, choice, name, left=left, right=right, **more))
    return found


def suspicions(answers, name="ann"):
    return next(one for one in agreement(answers).annotators if one.name == name).suspicions


def careful(count, seed=0):
    rng = random.Random(seed)
    return [rng.choice(("left", "right")) for _ in range(count)]


def test_a_careful_annotator_is_not_suspected():
    assert suspicions(asked("ann", careful(50))) == ()


def test_a_judge_who_always_answers_left_is_named():
    assert "always answers left, 20 times" in suspicions(asked("ann", ["left"] * 20))[0]
    mostly = suspicions(asked("ann", ["left"] * 30 + ["right"] * 4))
    assert "left 30 of 34 times" in mostly[0]
    assert suspicions(asked("ann", ["left"] * 5)) == ()


def test_who_contradicts_itself_is_named():
    first = asked("ann", careful(10))
    again = [
        answer(10 + i, one.answer, "ann", "repeat", left=one.right.first, right=one.left.first)
        for i, one in enumerate(first[:6])
    ]  # the same side again, although the clips have changed sides
    found = agreement([*first, *again]).annotators[0]
    assert (found.repeated, found.contradicted) == (6, 6)
    assert "contradicts itself in 6 of 6" in found.suspicions[0]
    other = {"left": "right", "right": "left"}
    same = [
        answer(10 + i, other[one.answer], "ann", "repeat", left=one.right.first, right=one.left.first)
        for i, one in enumerate(first[:6])
    ]
    assert agreement([*first, *same]).annotators[0].contradicted == 0


def test_who_decides_against_all_others_is_named():
    choices = careful(20)
    other = {"left": "right", "right": "left"}
    answers = [*asked("ann", choices), *asked("bob", choices), *asked("eve", [other[one] for one in choices])]
    found = agreement(answers)
    assert "against the others" in suspicions(answers, "eve")[0]
    assert suspicions(answers, "ann") == ()
    assert found.kappa["ann", "bob"] == pytest.approx(1)
    assert found.kappa["ann", "eve"] < -0.9
    assert found.shared == 20
    assert any("Krippendorff" in line for line in found.lines())


def test_sides_do_not_matter_for_agreement():
    choices = careful(12)
    turned = [{"left": "right", "right": "left"}[one] for one in choices]
    found = agreement([*asked("ann", choices), *asked("bob", turned, swapped=range(12))])
    assert found.kappa["ann", "bob"] == pytest.approx(1)


def test_who_is_too_quick_is_named():
    assert "took less than 120 ms" in suspicions(asked("ann", careful(20), reaction_ms=120))[0]
    assert suspicions(asked("ann", careful(20), reaction_ms=0)) == ()  # synthetic


def test_what_cannot_be_told_is_no_answer():
    found = agreement([*asked("ann", ["cannot_tell"] * 9), *asked("bob", careful(9))])
    assert found.shared == 0
    assert found.annotators[0].answers == {"cannot_tell": 9}
