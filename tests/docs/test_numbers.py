"""What README and docs say of results is what the committed files say, and nothing is typed by hand."""

import re
from pathlib import Path

import pytest

from socialrl.report import numbers, results, speeds
from socialrl.report.gallery import page_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / results.FOLDER
MEASURED = re.compile(r"\d+\.\d+|\d[\d,]* ?%|\d+(?:\.\d+)? times\b")
SETTINGS = re.compile(  # what is set, not measured, and links
    r"arXiv \d+\.\d+|95 %|weight of 0\.1|place of 0\.5|costs 1\.5|[\d.]+ M (environment )?steps|\]\([^)]*\)"
    r"|0, 25, 50 and 100 % of|four of five runs|three times|several times"
    r"|registry \(1\.27\)|Apache-2\.0|Python >= 3\.11"
)


@pytest.mark.parametrize("page", numbers.PAGES, ids=str)
def test_a_page_says_what_the_files_say(page):
    """If this fails: python -m socialrl.report.numbers"""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert numbers.fill(text, numbers.Files.read(FOLDER, ROOT / speeds.FOLDER), str(page)) == text


def test_the_page_of_experiments_says_what_the_files_say():
    """If this fails: python -m socialrl.report.gallery"""
    text = page_of(results.read_results(FOLDER), "../assets/experiments")
    assert (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("page", numbers.PAGES, ids=str)
def test_no_measured_number_is_typed_by_hand(page):
    """Decimals, percentages and factors stand in marks, unless they are settings."""
    text = (ROOT / page).read_text(encoding="utf-8")
    unmarked = numbers.MARK.sub("", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    bare = re.sub(r"`[^`]*`", "", SETTINGS.sub("", unmarked))
    assert MEASURED.findall(bare) == []


@pytest.mark.parametrize("page", numbers.PAGES, ids=str)
def test_no_line_begins_with_the_mark_of_a_number(page):
    """A comment at the beginning of a line ends the paragraph, by the rules of Markdown."""
    assert "\n<!--n " not in (ROOT / page).read_text(encoding="utf-8")


def test_every_table_of_speeds_is_used_somewhere():
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in numbers.PAGES)
    assert [name for name in speeds.read_speeds(ROOT / speeds.FOLDER) if f" speed {name}" not in text] == []


def test_results_are_small_and_on_seeds_that_are_reported():
    for file in FOLDER.glob("*.json"):
        assert file.stat().st_size < 1 << 20
    for name, result in results.read_results(FOLDER).items():
        assert result["reporting"], name
        assert result["finished"], name
