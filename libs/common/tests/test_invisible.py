"""What nobody sees: one class, left out for comparing, in Python and PostgreSQL, and never something said."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal, select

from opsloop_common.columns import comparable_column
from opsloop_common.conditions import Condition, holds
from opsloop_common.db import Context
from opsloop_common.invisible import IGNORABLE, comparable, comparable_value, says_something, visible
from opsloop_common.testing.sample.service import SAMPLE

IGNORED = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u200b\u200d\u202e\u2060\u3164\ufe0f\ufeff\uffa0\U000e0067"
SEEN_BY_NOBODY = IGNORED + "\u2800\ufff9\ufffb\U0001d159\U00013441"


NO_SIGNS = (
    "\u0301",  # a mark without a letter
    "\u0903",
    "\u20e3",
    "\U00016fe4",
    "\ue000",  # private
    "\U000f0000",
    "\ufdd0",  # no character, and none that will be one
    "\U0001fffe",
    "\u0378",  # not assigned
    "\ud800",  # half of a pair
    "\ufffc",  # in place of something
    "\ufffd",
    "\U0001d159",  # a note without a head
)


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        *[(f"支{char}付", "支付") for char in SEEN_BY_NOBODY],
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("plain", "plain"),
        ("zwölf é 한국어", "zwölf é 한국어"),
        ("a\u2801b c", "a\u2801b c"),
        ("iOS\u2800", "iOS"),
        (SEEN_BY_NOBODY, ""),
    ],
)
def test_what_nobody_sees_makes_no_difference(text, compared):
    assert comparable(text) == compared


@pytest.mark.parametrize(
    "text",
    [
        *SEEN_BY_NOBODY,
        SEEN_BY_NOBODY,
        " \t\n\u3000\u2028",
        "\x01\x7f\x9f",
        "\ufff9\ufffb",
        "",
        *NO_SIGNS,
        "".join(NO_SIGNS),
    ],
)
def test_nothing_is_said_by_what_nobody_sees(text):
    assert not says_something(text)


@pytest.mark.parametrize(
    "text", ["a", "?", "👍", "❤\ufe0f", "\u200b支", ". ", "a\u0301", "؀", "1", "\U0001fae8", "\U0002ebf0", "क्ष"]
)
def test_a_sign_says_something(text):
    assert says_something(text)


def test_no_normalisation_makes_invisible_characters_of_others():
    ignorable = re.compile(f"[{IGNORABLE}]")
    others = (char for char in map(chr, range(0x80, 0x110000)) if not ignorable.match(char))

    assert not [char for char in others if ignorable.search(unicodedata.normalize("NFKC", char))]
    assert sum(ignorable.match(chr(code)) is not None for code in range(0x110000)) == 4174  # Unicode 15 to 17


@given(st.text(alphabet=st.sampled_from("ab支付👍 " + SEEN_BY_NOBODY)))
def test_comparing_twice_is_comparing_once(text):
    once = comparable(text)

    assert comparable(once) == once
    assert says_something(text) == bool(once.strip())


def test_values_are_compared_by_all_their_texts():
    value = {"a\u200b": ["x\u200b", 1, None, {"b": "\u3164y"}], "c": True}

    assert comparable_value(value) == {"a\u200b": ["x", 1, None, {"b": "y"}], "c": True}


@pytest.mark.parametrize(
    ("found", "op", "value", "expected"),
    [
        ("iOS\u200b", "eq", "iOS", True),
        ("iOS", "eq", "i\u2060OS", True),
        ("iOS\u200b", "ne", "iOS", False),
        ("iOS\ufeff", "in", ["Web", "iOS"], True),
        ("iOS", "not_in", ["iOS\u00ad"], False),
        ("支\u200b付失败", "contains", "支付", True),
        (["vip\ufe0f", "ios"], "contains", "vip", True),
        (["vip"], "contains", "v\u200dip", True),
        ("b\u200b", "le", "b", True),
        ("iOS", "eq", "ios", False),
    ],
)
def test_conditions_do_not_see_what_nobody_sees(found, op, value, expected):
    assert holds(Condition(field="data.a", op=op, value=value), {"data": {"a": found}}) is expected


async def test_postgresql_leaves_out_the_same(make_database):
    database = await make_database(SAMPLE)
    texts = [f"支{char}付" for char in SEEN_BY_NOBODY] + [
        "plain",
        "é",
        "a\u2801b",
        "\U0001f468",
        "\u200a\u2010\ufe10\ufff9",
    ]
    async with database.transaction(Context(workspace="acme")) as session:
        found = [await session.scalar(select(comparable_column(literal(text)))) for text in texts]

    assert found == [comparable(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("ann", "ann"), ("支付é", "支付é"), ("ann\u200b", "ann<U+200B>"), ("\u202ea\U000e0061", "<U+202E>a<U+E0061>")],
)
def test_two_that_look_alike_can_be_told_apart(text, shown):
    assert visible(text) == shown
