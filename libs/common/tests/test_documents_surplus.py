"""What a text holds too much of is found alike in steps of any length."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common import documents
from opsloop_common.documents import read_document, read_foreign_document, surplus

TEXTS = st.text('[{,:\\"支', max_size=6)


def plain_surplus(raw: bytes, *, containers: int, values: int) -> bool:
    """Look at a text byte by byte."""
    is_inside = is_escaped = False
    found = Counter[str]()
    for char in raw.decode():
        if is_escaped or (is_inside and char == "\\"):
            is_escaped = not is_escaped
        elif char == '"':
            is_inside = not is_inside
        elif not is_inside:
            found[char] += 1
    return found["["] + found["{"] > containers or found[","] + found[":"] > values


@given(
    st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 40),
)
def test_steps_of_any_length_count_the_same(document, containers, values, step):
    raw = json.dumps(document, ensure_ascii=False).encode()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(documents, "STEP_BYTES", step)
        found = surplus(raw, containers=containers, values=values)

    assert (found is not None) == plain_surplus(raw, containers=containers, values=values)


@pytest.mark.parametrize(
    ("digits", "ours", "foreign"),
    [
        ("7", 7, 7),
        ("9223372036854775807", 2**63 - 1, 2**63 - 1),
        ("1" + "0" * 30, 1e30, 1e30),
        ("9" * 400, 1.7976931348623157e308, float("inf")),
        ("-" + "9" * 400, -1.7976931348623157e308, float("-inf")),
    ],
)
def test_a_number_beyond_doubles_is_the_greatest_of_ours_and_none_of_somebody_elses(digits, ours, foreign):
    raw = f'{{"v": {digits}}}'.encode()

    assert read_document(raw) == {"v": ours}
    assert read_foreign_document(raw) == {"v": foreign}
