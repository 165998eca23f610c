"""Bounds stand in one place, and the page that tells of them is true."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from opsloop_common import limits

PAGE = (Path(__file__).parents[2] / "docs/limits.md").read_text()
BOUNDS = {name: value for name, value in vars(limits).items() if name.isupper()}
IN_WORDS = {
    "CHUNK_FRAMING_SHARE": "an eighth",
    "CONNECTIONS_PER_ADDRESS": "half",
    "DATABASE_MIGRATION_SECONDS": "an hour",
    "ISSUER_KEY_CHARACTERS": "8192 bits",
    "PAGE_SESSION_SECONDS": "one hour",
}


def spellings(name: str, value: float) -> list[str]:
    """Return how the page may write a bound."""
    if name in IN_WORDS:
        return [IN_WORDS[name]]
    if "_BYTES" in name:
        return [f"{value / 1024:g} KiB", f"{value / 1024**2:g} MiB"]
    if name.endswith("_SECONDS"):
        return [f"{value:g} s", f"{value * 1000:g} ms"]
    for unit in ("HOURS", "DAYS"):
        if name.endswith(f"_{unit}"):
            return [f"{value} {unit.lower()}"]
    return [f"{value:,}"]


def is_told(name: str, value: float, row: str) -> bool:
    """Say whether a row of the page contains the bound's value, and not as a part of another number."""
    return any(re.search(rf"(?<![\d.,]){re.escape(told)}(?![.,]?\d)", row) for told in spellings(name, value))


def assigned(source: str) -> list[str]:
    """Return the names that a module assigns, each as often as it does."""
    return [
        target.id
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]


def test_every_bound_is_set_once():
    names = assigned(Path(limits.__file__).read_text())

    assert set(names) >= BOUNDS.keys()
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_a_bound_that_is_set_twice_is_seen():
    assert assigned("A = 1\nB: int = 2\nA = 3\n") == ["A", "B", "A"]


def test_every_bound_is_documented():
    assert BOUNDS
    assert [name for name in BOUNDS if f"`{name}`" not in PAGE] == []


def test_the_page_names_no_bound_that_is_gone():
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", PAGE))

    assert {name for name in named - BOUNDS.keys() if not name.startswith("OPSLOOP_")} == set()


def test_the_page_tells_the_numbers():
    rows = [(name, value, row) for name, value in BOUNDS.items() for row in PAGE.splitlines() if f"`{name}`" in row]

    assert [f"{name} = {value}: {row}" for name, value, row in rows if not is_told(name, value, row)] == []


@pytest.mark.parametrize(
    ("name", "value", "row", "expected"),
    [
        ("JSON_VALUES", 50_000, "50,000 values", True),
        ("JSON_VALUES", 50_000, "150,000 values", False),
        ("UNKNOWN_NAMES", 20, "200, 20,000, 1.20", False),
        ("HEAD_BYTES", 64 * 1024, "64 KiB.", True),
        ("BATCH_BYTES", 8 * 1024**2, "8 MiB", True),
        ("BATCH_BYTES", 9 * 1024**2, "8 MiB", False),
        ("LOCK_HOLDER_PROOF_SECONDS", 1.5, "every 1.5 s", True),
        ("HEAD_SECONDS", 1.0, "1.5 s, 11 s", False),
        ("CALL_PARSE_TURN_SECONDS", 0.001, "1 ms", True),
    ],
)
def test_a_number_is_found_whole(name: str, value: float, row: str, expected: bool):
    assert is_told(name, value, row) is expected
