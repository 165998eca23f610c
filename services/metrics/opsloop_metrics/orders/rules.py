"""Money, and what an order may become."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache

from babel.numbers import get_currency_precision, list_currencies

from opsloop_common.errors import Conflict

MOST_AMOUNT = 10**13
"""Minor units of one amount; 900,000 of the largest still add up below 64 bits."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,6})?")


class Kind(StrEnum):
    """What somebody paid for."""

    PURCHASE = "purchase"
    SUBSCRIPTION = "subscription"
    RENEWAL = "renewal"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (1999: 19.99 CNY, or 1,999 JPY) of an ISO 4217 currency."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody ordered, under the shop's own id."""

    order_id: str
    user_id: str
    total: Money
    ordered_at: datetime
    kind: Kind = Kind.PURCHASE
    product: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """What went back of an order, under the shop's own id."""

    refund_id: str
    amount: Money
    refunded_at: datetime
    reason: str | None = None


@cache  # some 300 codes out of a file of CLDR
def currencies() -> frozenset[str]:
    """Return the currencies that there are or were, as CLDR knows them."""
    return frozenset(list_currencies())


def require_currency(code: str) -> str:
    """Return a currency's code; a ValueError for what is none."""
    if code not in currencies():
        near = code.strip().upper()[:3]
        raise ValueError(
            "must be a currency of ISO 4217 such as CNY" + (f"; did you mean {near}?" if near in currencies() else "")
        )
    return code


def digits_of(currency: str) -> int:
    """Return how many of an amount's last digits are behind the point: 2 for CNY, 0 for JPY, 3 for KWD; CLDR says so."""
    return get_currency_precision(currency)


def read_amount(text: str, currency: str) -> int:
    """Return minor units of an amount as people and files write it (`-19.99`); a ValueError for what is none, or too fine."""
    plain = text.strip()
    if not _NUMBER.fullmatch(plain):
        raise ValueError("must be a number such as 19.99, without thousands separators")
    amount = Decimal(plain).scaleb(digits_of(currency))
    if amount != amount.to_integral_value():
        raise ValueError(f"must not have more than {digits_of(currency)} digits behind the point, as {currency} has")
    if abs(amount) > MOST_AMOUNT:
        raise ValueError("is more than an amount may be")
    return int(amount)


def require_refundable(total: Money, refunded: int, amount: Money) -> None:
    """Let a refund pass that an order has room for; raises Conflict, which tells what is left."""
    left = total.amount - refunded
    if amount.currency == total.currency and amount.amount <= left:
        return
    detail = (
        f"The order has {left} of {total.amount} minor units left to refund."
        if amount.currency == total.currency
        else f"The order was paid in {total.currency}, and what goes back is too."
    )
    raise Conflict(detail, extra={"left": {"amount": left, "currency": total.currency}})
