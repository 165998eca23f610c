"""Who has what a GET would show is told so by 304, and nothing else is changed by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.versions import is_known


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ('"1"', True),
        ('W/"1"', True),
        ('"2", "1"', True),
        (' "2" ,, W/"1" ', True),
        ("*", True),
        ('"2"', False),
        ("1", False),
        ('"1', False),
        ("", False),
        ('"1" "2"', False),
        ('"11"', False),
    ],
)
def test_a_tag_is_known_by_weak_comparison(header, known):
    assert is_known('"1"', header) is known
    assert is_known('W/"1"', header) is known


@given(st.text(max_size=200))
def test_no_header_is_too_odd_to_be_read(header):
    assert is_known('"no version"', header) in (True, False)
