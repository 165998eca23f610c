"""Numbers as people write them."""

from __future__ import annotations

import math
import unicodedata

import pytest
from babel import localedata
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.numbers import for_people


@pytest.mark.parametrize(
    ("number", "locale", "written"),
    [
        (999999.5, "en", "999,999.5"),
        (123456.78, "zh-CN", "123,456.78"),
        (123456.78, "de", "123.456,78"),
        (1000000, "en", "1,000,000"),
        (1000000, "pt-BR", "1.000.000"),
        (1234567, "hi", "12,34,567"),
        (1e16, "en", "10,000,000,000,000,000"),
        (2**63 - 1, "en", "9,223,372,036,854,775,807"),
        (1 / 3, "zh-Hant-TW", "0.333333"),
        (0.1 + 0.2, "en", "0.3"),
        (99.4, "fr", "99,4"),
        (1234.5678, "en", "1,234.57"),
        (-0.0, "en", "0"),
        (0, "en", "0"),
        (-1234.5, "en", "-1,234.5"),
        (0.000012345678, "en", "0.0000123457"),
        (5e-324, "en", "5E-324"),
        (1.7976931348623157e308, "de", "1,79769E308"),
        (1e21, "en", "1E21"),
        (1e308, "hi-IN", "1E308"),
        (-2.5e-9, "hi", "-2.5E-9"),
        (1234.5, "xx-nowhere", "1,234.5"),
        (1234.5, "de-x-whatever", "1.234,5"),
        (1234.5, "zzzzzzzz", "1,234.5"),
    ],
)
def test_numbers_are_written_for_people(number, locale, written):
    assert for_people(number, locale) == written


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1))
def test_what_is_written_is_near_what_was_meant_and_short(number):
    written = for_people(number, "en")

    assert math.isclose(float(written.replace(",", "")), number, rel_tol=1e-5)
    assert len(written) < 40


def test_no_locale_puts_more_around_a_number_than_its_signs():
    for locale in localedata.locale_identifiers():
        for number in (1234567.5, -0.25, 1e308, -1e-300):
            written = for_people(number, locale.replace("_", "-"))
            signs = {char for char in written if not char.isdigit() and unicodedata.category(char) != "Cf"}
            # digits, what groups and divides them, a sign, and how the locale says "times ten to the"
            assert not signs & set("[](){}<>#@\u00a4"), (locale, written)
            assert len([char for char in written if char.isalpha()]) <= 3, (locale, written)
