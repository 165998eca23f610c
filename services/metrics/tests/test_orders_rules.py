"""Money as it is written, and what an order has room for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Conflict
from opsloop_metrics.orders.rules import (
    MOST_AMOUNT,
    Money,
    currencies,
    digits_of,
    read_amount,
    require_currency,
    require_refundable,
)

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(("currency", "digits"), [("CNY", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)])
def test_digits_behind_the_point(currency, digits):
    assert digits_of(currency) == digits


@pytest.mark.parametrize("code", ["CNY", "EUR", "JPY", "USD"])
def test_currencies_that_there_are(code):
    assert code in currencies()
    assert require_currency(code) == code


@pytest.mark.parametrize(
    ("code", "near"),
    [
        ("cny", "; did you mean CNY?"),
        (" usd ", "; did you mean USD?"),
        ("ZZZ", ""),
        ("", ""),
        ("￥", "; did you mean CNY or JPY?"),
        ("人民币", "; did you mean CNY?"),
    ],
)
def test_what_is_no_currency(code, near):
    with pytest.raises(ValueError, match="must be a currency") as refused:
        require_currency(code)

    assert str(refused.value) == f"must be a currency of ISO 4217 such as CNY{near}"


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("19.99", "CNY", 1999),
        (" 19.9 ", "CNY", 1990),
        ("-5", "USD", -500),
        ("+5.00", "USD", 500),
        ("1999", "JPY", 1999),
        ("1999.00", "JPY", 1999),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
        ("0.29", "USD", 29),  # 0.29 * 100 is 28.999999999999996 in floating point
        ("100000000000", "CNY", MOST_AMOUNT),
    ],
)
def test_amounts_as_files_write_them(text, currency, minor):
    assert read_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("", "CNY", "must be a number"),
        ("1,999.00", "CNY", "must be a number"),
        ("¥19", "CNY", "must be a number"),
        ("1e3", "CNY", "must be a number"),
        ("NaN", "CNY", "must be a number"),
        ("٣", "CNY", "must be a number"),
        ("9" * 5_000, "CNY", "must be a number"),
        ("19.999", "CNY", "must not have more than 2 digits"),
        ("0.5", "JPY", "must not have more than 0 digits"),
        ("100000000000.01", "CNY", "is more than an amount may be"),
        ("-100000000000.01", "CNY", "is more than an amount may be"),
    ],
)
def test_amounts_that_are_none(text, currency, why):
    with pytest.raises(ValueError, match=why):
        read_amount(text, currency)


@given(st.integers(-MOST_AMOUNT, MOST_AMOUNT), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_what_is_written_is_read(minor, currency):
    digits = digits_of(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    written = f"{'-' * (minor < 0)}{whole}" + (f".{rest:0{digits}}" if digits else "")

    assert read_amount(written, currency) == minor


@pytest.mark.parametrize(("refunded", "amount"), [(0, 1000), (0, 1), (400, 600), (999, 1)])
def test_an_order_has_room(refunded, amount):
    require_refundable(Money(1000, "CNY"), refunded, Money(amount, "CNY"))


@pytest.mark.parametrize(
    ("refunded", "amount", "currency", "left", "why"),
    [
        (0, 1001, "CNY", 1000, "The order has 1000 of 1000 minor units left to refund."),
        (400, 601, "CNY", 600, "The order has 600 of 1000 minor units left to refund."),
        (1000, 1, "CNY", 0, "The order has 0 of 1000 minor units left to refund."),
        (0, 1, "USD", 1000, "The order was paid in CNY, and what goes back is too."),
    ],
)
def test_an_order_has_no_room(refunded, amount, currency, left, why):
    with pytest.raises(Conflict) as refused:
        require_refundable(Money(1000, "CNY"), refunded, Money(amount, currency))

    assert (refused.value.detail, refused.value.extra) == (why, {"left": {"amount": left, "currency": "CNY"}})
