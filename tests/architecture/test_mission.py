"""What `docs/mission.md` says of the daily work is so: its routes are in the contracts, its tests are there, in both languages."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {ROOT / "docs/mission.md": "not yet", ROOT / "docs/mission.zh-CN.md": "尚无"}
ROW = re.compile(r"^\| (?!work |工作 )([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROUTE = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]+)`")
TEST = re.compile(r"`([\w/.-]+\.py)::(test_\w+)`")


class Row(NamedTuple):
    """A line of the daily work, and what it says of route and test: backticked, or that there is none."""

    work: str
    route: str
    test: str


def rows(page: Path) -> list[Row]:
    """Return the lines of a page, in order."""
    return [Row(*found) for found in ROW.findall(page.read_text())]


@cache
def routes() -> frozenset[tuple[str, str]]:
    """Return method and path of every route of the committed contracts."""
    documents = [json.loads(path.read_text()) for path in ROOT.glob("services/*/openapi.json")]
    return frozenset(
        (method.upper(), path)
        for document in documents
        for path, operations in document["paths"].items()
        for method in operations
    )


@cache
def shown_in(path: str) -> frozenset[str]:
    """Return the names of the tests in a file, none where there is no such file."""
    file = ROOT / path
    tree = ast.parse(file.read_text() if file.is_file() else "")
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def faults(row: Row, none: str) -> list[str]:
    """Return what is wrong with a row: `none` is how its page says that nothing shows it yet."""
    if (row.route, row.test) == (none, none):
        return []
    route, test = ROUTE.fullmatch(row.route), TEST.fullmatch(row.test)
    wrong = []
    if route is None or (route[1], route[2]) not in routes():
        wrong.append(f"{row.work}: no route {row.route}")
    if test is None or test[2] not in shown_in(test[1]):
        wrong.append(f"{row.work}: no test {row.test}")
    return wrong


@pytest.mark.parametrize(("page", "none"), PAGES.items(), ids=lambda value: getattr(value, "name", ""))
def test_each_line_names_a_route_and_a_test_that_are_there_or_says_that_nothing_shows_it(page: Path, none: str) -> None:
    assert [fault for row in rows(page) for fault in faults(row, none)] == []
    assert len({row.work for row in rows(page)}) == len(rows(page)) > 50


def test_both_languages_name_the_same_routes_and_tests() -> None:
    english, chinese = (
        [[cell.replace(none, "") for cell in row[1:]] for row in rows(page)] for page, none in PAGES.items()
    )

    assert english == chinese


THERE, SHOWN = "`GET /v1/audit`", "`tests/architecture/test_mission.py::test_a_row_that_is_not_so_is_found`"


@pytest.mark.parametrize(
    ("row", "count"),
    [
        (Row("a", THERE, SHOWN), 0),
        (Row("a", "not yet", "not yet"), 0),
        (Row("a", "`GET /v1/audits`", SHOWN), 1),
        (Row("a", "`POST /v1/audit`", SHOWN), 1),
        (Row("a", THERE, "`tests/architecture/test_mission.py::test_nothing`"), 1),
        (Row("a", THERE, "`tests/architecture/none.py::test_nothing`"), 1),
        (Row("a", THERE, "not yet"), 1),
        (Row("a", "尚无", "尚无"), 2),
    ],
)
def test_a_row_that_is_not_so_is_found(row: Row, count: int) -> None:
    assert len(faults(row, "not yet")) == count
