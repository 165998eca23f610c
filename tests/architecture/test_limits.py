"""Bounds stand in one place, and the page that tells of them is true."""

from __future__ import annotations

import re
from pathlib import Path

from opsloop_common import limits

PAGE = (Path(__file__).parents[2] / "docs/limits.md").read_text()
BOUNDS = {name: value for name, value in vars(limits).items() if name.isupper()}


def test_every_bound_is_documented():
    assert BOUNDS
    assert [name for name in BOUNDS if f"`{name}`" not in PAGE] == []


def test_the_page_names_no_bound_that_is_gone():
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", PAGE))

    assert {name for name in named - BOUNDS.keys() if not name.startswith("OPSLOOP_")} == set()
