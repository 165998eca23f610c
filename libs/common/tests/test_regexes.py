"""Regular expressions that others give: bounded, in linear time, and told where they are wrong."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.regexes import MAX_PATTERN, MAX_STEPS, READ_CHARACTERS, flaw, matches


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [
        ("支付.*失败", "今天支付又失败了", True),
        ("^支付", "今天支付", False),
        ("(?i)timeout", "TimeOut", True),
        (r"\d{3}", "12", False),
        (r"\p{Han}", "a", False),
        ("", "anything", True),
    ],
)
def test_what_matches(pattern, text, does):
    assert flaw(pattern) is None
    assert matches(pattern, text) is does


@pytest.mark.parametrize(
    ("pattern", "character"), [("(", 2), ("a)", 2), ("支付(", 4), ("a**b", 2), ("[z-a]", 2), (r"a\8", 2), ("(?=a)", 1)]
)
def test_what_is_wrong_is_told_with_its_place(pattern, character):
    told = flaw(pattern)

    assert told is not None
    assert told.endswith(f", at character {character}")


@pytest.mark.parametrize("pattern", ["a" * (MAX_PATTERN + 1), "(a{100}){10}", "(.{99}){9}"])
def test_what_is_too_large_is_refused(pattern):
    assert str(MAX_PATTERN if len(pattern) > MAX_PATTERN else MAX_STEPS) in flaw(pattern)


def test_so_much_of_a_text_is_read():
    assert matches("b$", "a" * (READ_CHARACTERS - 1) + "b")
    assert not matches("b", "a" * READ_CHARACTERS + "b")


@pytest.mark.parametrize("pattern", ["(x+x+)+y", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*){50}q"])
def test_no_pattern_keeps_anybody_waiting(pattern):
    texts = ["x" * READ_CHARACTERS, "a" * READ_CHARACTERS]
    began = time.process_time()
    for text in texts:
        matches(pattern, text)

    assert time.process_time() - began < 0.5


@given(st.text(max_size=MAX_PATTERN + 10))
def test_whatever_is_given_is_used_or_refused(pattern):
    if flaw(pattern) is None:
        assert matches(pattern, "支付 payment 1") in (True, False)
