"""Labels of records: every schema survives JSON, and what does not fit it is not read."""

import dataclasses
import json
import subprocess
import sys

import pytest

from socialrl.record import labels
from socialrl.record.labels import FewShot, Following, Social


def example(schema):
    """Labels of the schema with some value in each field."""
    kinds = {str: "text", int: 3, labels.Vector: (1.0, -0.5)}
    return schema(**{field.name: kinds[field.type] for field in dataclasses.fields(schema)})


@pytest.mark.parametrize("kind", labels.SCHEMAS)
def test_every_schema_survives_json(kind):
    schema = labels.SCHEMAS[kind]
    one = example(schema)
    assert labels.read(schema, json.loads(json.dumps(one.to_json()))) == one
    assert len({one, example(schema)}) == 1  # hashable, so that conditions can be keys


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"preference": [1.0], "method": "w"},
        {"preference": [1.0], "method": "w", "episodes": 1, "more": 1},
        {"preference": "[1.0]", "method": "w", "episodes": 1},
        {"preference": [True], "method": "w", "episodes": 1},
        {"preference": [1.0], "method": None, "episodes": 1},
        {"preference": [1.0], "method": "w", "episodes": 1.5},
        {"preference": [1.0], "method": "w", "episodes": True},
    ],
)
def test_what_does_not_fit_is_not_read(found):
    assert labels.read(FewShot, found) is None


def test_whole_numbers_stay_whole():
    read = labels.read(FewShot, {"preference": [1, -1], "method": "w", "episodes": 0})
    assert read == FewShot((1, -1), "w", 0)
    assert str(list(read.preference)) == "[1, -1]"


def test_json_has_the_fields_in_order():
    assert list(Social("home", "greedy", "trained", "full").to_json()) == [
        "world",
        "policy",
        "company",
        "presence",
    ]
    assert Following("1 equal", "as trained").to_json() == {"company": "1 equal", "condition": "as trained"}


def test_the_schemas_load_no_learner_and_no_jax():
    program = (
        "import sys, socialrl.record.labels; print([n for n in ('jax', 'flax', 'optax') if n in sys.modules])"
    )
    says = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert says == "[]\n"
