"""The pages of scenarios name tests that are there, each scenario has some, and each test of a scenario stands in its row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) [^|]+ \| `([\w/.-]+\.py)::(test_\w+)` \|(?: [^|]+ \|)+$", re.MULTILINE)
NUMBERED = re.compile(r"test_(\d+)_")
LANGUAGES = ("", ".zh-CN")
SCENARIOS = {"notifications": set(range(1, 13)), "feedback": set(range(1, 8))}
FOLDERS = {"notifications": ("tests/notifications", "tests/faults"), "feedback": ("tests/feedback",)}
PAGES = pytest.mark.parametrize(
    ("about", "page"),
    [(about, ROOT / f"docs/scenarios-{about}{language}.md") for about in SCENARIOS for language in LANGUAGES],
    ids=lambda each: each.name if isinstance(each, Path) else "",
)


def rows(page: Path) -> list[tuple[str, str, str]]:
    """Return number, file and test of each row."""
    return ROW.findall(page.read_text())


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text() if path.is_file() else "")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@PAGES
def test_every_row_names_a_test_that_is_there(about, page):
    missing = [f"{file}::{test}" for _, file, test in rows(page) if test not in names_in(ROOT / file)]

    assert missing == []
    assert {int(number) for number, _, _ in rows(page)} == SCENARIOS[about]
    assert len(rows(page)) == len(re.findall(r"^\| \d+ ", page.read_text(), re.MULTILINE)), "a row that cannot be read"


@PAGES
def test_every_test_of_a_scenario_stands_in_its_row(about, page):
    listed = {(file, test): number for number, file, test in rows(page)}
    for folder in FOLDERS[about]:
        for path in sorted((ROOT / folder).glob("test_*.py")):
            for test in sorted(names_in(path)):
                if found := NUMBERED.match(test):
                    assert listed.get((path.relative_to(ROOT).as_posix(), test)) == found[1], test


@pytest.mark.parametrize("about", SCENARIOS)
def test_both_languages_have_the_same_rows(about):
    english, chinese = (rows(ROOT / f"docs/scenarios-{about}{language}.md") for language in LANGUAGES)

    assert english == chinese
