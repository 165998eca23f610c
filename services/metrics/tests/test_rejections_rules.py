"""What is kept of a refused message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.limits import REJECTION_RAW_BYTES
from opsloop_metrics.rejections import rules

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, None),
        ({"event": "付款", "a": [1, None]}, '{"event":"付款","a":[1,null]}'),
        ("a text that was no JSON", '"a text that was no JSON"'),
        ("NUL \x00 and half \ud800", '"NUL \\u0000 and half \ufffd"'),
        (0, "0"),
        ({}, "{}"),
    ],
)
def test_it_is_kept_as_json(raw, expected):
    assert rules.raw_text(raw) == expected


@pytest.mark.parametrize("text", ["x", "付", "😀"])
def test_what_is_long_is_cut_between_characters(text):
    kept = rules.raw_text({"p": text * 40_000})
    assert REJECTION_RAW_BYTES - 8 < len(kept.encode()) <= REJECTION_RAW_BYTES
    assert kept.startswith('{"p":"' + text)
    assert kept.endswith("…")


@given(VALUES)
def test_anything_can_be_kept(raw):
    kept = rules.raw_text(raw)
    assert kept is None or len(kept.encode()) <= REJECTION_RAW_BYTES
    assert "\x00" not in (kept or "")


def test_what_is_too_deep_to_be_written_costs_nothing():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert rules.raw_text(deep) == "…"
    assert rules.ids_in(deep) == frozenset()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"userId": "u1", "anonymousId": "a1"}, {"u1", "a1"}),
        ({"properties": {"distinct_id": "u1", "$device_id": "d1"}}, {"u1", "d1"}),
        ({"batch": [{"DistinctId": " u1 "}, {"user_id": 5}]}, {"u1", "5"}),
        ({"userId": True, "user_id": None, "anonymousId": ["u1"]}, {"u1"}),
        ({"plan": "u1", "a": [5, 0.5, None, ""]}, {"u1", "5", "0.5"}),
        ({"p": "x" * REJECTION_RAW_BYTES, "plan": "u1", "user": {"id": "u2"}}, {"u2"}),
        ({"p": "x" * 201}, set()),
        ("u1", {"u1"}),
        (12345, {"12345"}),
        (None, set()),
        ({"user_id": "u\x001"}, {"u\ufffd1"}),
    ],
)
def test_ids_are_found_where_clients_put_them(raw, expected):
    assert rules.ids_in(raw) == expected


@given(
    st.text(min_size=1, max_size=20).filter(
        lambda id: "\x00" not in id and not any("\ud800" <= c <= "\udfff" for c in id)
    )
)
def test_an_id_is_found_in_what_is_kept(id):
    assert rules.needle(id) in rules.raw_text({"userId": id, "x": json.dumps(id)})


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("o2,u1,5,CNY,1\n", "u1"),
        ("o2; Li Wei ;5", "Li Wei"),
        ("o2\tuser 用户\t5", "user 用户"),
        ('o2,"a, b",5', "a, b"),
        ('o2,"say ""hi""",5', 'say "hi"'),
        ('{"userId": "u1", "a"', "u1"),
        ('{"userId": 12345, "a"', "12345"),
        ('{"userId":"auth|x, y:1"', "auth|x, y:1"),
        ('{"user":"\\u7528\\u6237","a', "用户"),
        ('{"user":"q\\"uote","a', 'q"uote'),
        ("{'userId': 'u1'}", "u1"),
    ],
)
def test_ids_are_found_in_a_text_that_is_no_document(text, id):
    assert id in rules.ids_in(text)


@pytest.mark.parametrize(
    "raw", [",".join(map(str, range(2_000))), list(range(2_000)), {"ids": [{"id": n} for n in range(2_000)]}]
)
def test_who_names_too_many_names_nobody_knows_whom(raw):
    assert rules.ids_in(raw) is None


@pytest.mark.parametrize("piece", ['\\"', '"', '""', "\\", ","])
def test_a_text_of_quotes_costs_little(piece):
    assert len(rules.ids_in(piece * REJECTION_RAW_BYTES)) < 10


@given(st.text(alphabet='"\\\\u0041/n,\x00\n付', max_size=60))
def test_any_text_can_be_looked_through(text):
    assert rules.ids_in(text) is not None
