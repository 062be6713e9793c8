"""Links among the documents lead somewhere."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"))
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def targets(page: str) -> list[str]:
    return [
        target
        for target in LINK.findall((REPOSITORY / page).read_text(encoding="utf-8"))
        if "://" not in target
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_links_to_what_is_there(page):
    folder = (REPOSITORY / page).parent
    assert [target for target in targets(page) if not (folder / target).exists()] == []
