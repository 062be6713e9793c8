"""`safe_json`: what it reads, and what it refuses in one line that names the file."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import MAX_DEPTH, depth, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_json_writes_is_read_back_from_text_and_bytes(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        assert read_json(text, "file") == value
        return
    assert read_json(text, "file") == read_json(data, "file") == value


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deeply_nested_text_is_refused_in_one_line_that_names_the_file(text):
    with pytest.raises(SocialRLError, match=r"^config\.json: .*nested more than 64 deep") as caught:
        read_json(text, "config.json")
    assert "\n" not in str(caught.value)


def test_nesting_up_to_the_limit_is_read():
    value = read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH, "file")
    for _ in range(MAX_DEPTH - 1):
        assert isinstance(value, list)
        value = value[0]
    assert value == []
    with pytest.raises(SocialRLError, match="nested"):
        read_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "file")


def test_brackets_inside_strings_do_not_count():
    value = ["[{" * 1000, '"[[[[\\', {"[" * 100: "]"}]
    assert read_json(json.dumps(value), "file") == value
    assert depth(json.dumps(value)) == 2


@pytest.mark.parametrize("text", ["", "{", "nul", b"\xff\xfe", b"[1,", '{"a": 1} x', "1" * 10_000])
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(SocialRLError, match=r"^run/metrics\.jsonl, line 3: not readable as JSON"):
        read_json(text, "run/metrics.jsonl, line 3")


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 500_000, '"' + '\\"' * 500_000 + "\\", "[" * 70 + '"\\' * 500_000]
)
def test_the_time_it_takes_grows_with_the_length_alone(text):
    start = time.monotonic()
    with pytest.raises(SocialRLError):
        read_json("[" * 70 + text, "file")
    assert time.monotonic() - start < 5
