"""What `If-Match` may say, and what it then holds for."""

from __future__ import annotations

import pytest

from opsloop_common.errors import StaleVersion
from opsloop_common.versions import ANY_VERSION, Precondition


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        (None, True),
        ("*", True),
        (" * ", True),
        ('"3"', True),
        ('"1", "3"', True),
        ('"1","3"', True),
        ('"a,b", "3"', True),
        ('"2"', False),
        ('W/"3"', False),
        ("3", False),
        ("", False),
        ('"x,*,y"', False),
        ('"0","9",*', True),
        ('"3";', False),
        ('"3" "4"', False),
        (', "3",', True),
        ('"3"' + " " * 50_000 + ";", False),
        ('"*"', False),
        ('"' * 5_001, False),
        ('"33"', False),
    ],
)
def test_a_change_goes_on_only_when_the_header_names_the_present_version(header, holds):
    if holds:
        Precondition(header).require(3)
    else:
        with pytest.raises(StaleVersion):
            Precondition(header).require(3)


@pytest.mark.parametrize("header", ["*", '"0"', '"1"', ""])
def test_nothing_that_is_named_is_where_nothing_is(header):
    ANY_VERSION.require_none()
    with pytest.raises(StaleVersion):
        Precondition(header).require_none()
