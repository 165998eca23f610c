"""Money, and what an order may become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from hashlib import blake2b
from typing import TypeVar

from babel.numbers import get_currency_precision, list_currencies

from opsloop_common.errors import Conflict, NotFound
from opsloop_metrics.capture.rules import Reason, Refused, id_of, storable
from opsloop_metrics.reading.rules import cell, time_of

T = TypeVar("T")
MOST_AMOUNT = 10**13
"""Minor units of one amount; 900,000 of the largest still add up below 64 bits."""
_CALLED_SO = dict.fromkeys(("RMB", "人民币", "元"), "CNY") | dict.fromkeys(("¥", "￥"), "CNY or JPY")
_CALLED_SO |= {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP"}
"""What people call a currency that has another code."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,6})?")


class Disagrees(Conflict):
    """What is told does not go with what is known; `name` says which of `COLUMNS` does not."""

    def __init__(self, name: str, detail: str, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(detail, extra=extra)
        self.name = name


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
        near = code.strip().upper()
        meant = _CALLED_SO.get(near) or (near[:3] if near[:3] in currencies() else "")
        raise ValueError("must be a currency of ISO 4217 such as CNY" + (f"; did you mean {meant}?" if meant else ""))
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
    """Let a refund pass that an order has room for; raises Disagrees, which tells what is left."""
    left = total.amount - refunded
    if amount.currency == total.currency and amount.amount <= left:
        return
    name, detail = (
        ("amount", f"The order has {left} of {total.amount} minor units left to refund.")
        if amount.currency == total.currency
        else ("currency", f"The order was paid in {total.currency}, and what goes back is too.")
    )
    raise Disagrees(name, detail, {"left": {"amount": left, "currency": total.currency}})


COLUMNS = {
    "order_id": ("order_id", "order id", "order", "订单号"),
    "user_id": ("user_id", "user id", "customer_id", "customer id", "用户", "用户id"),
    "amount": ("amount", "total", "revenue", "金额"),
    "currency": ("currency", "币种"),
    "time": ("time", "ordered_at", "refunded_at", "created_at", "date", "时间"),
    "type": ("type", "kind", "类型"),
    "product": ("product", "商品"),
    "source": ("source", "来源"),
    "refund_id": ("refund_id", "refund id", "退款号"),
    "reason": ("reason", "退款原因"),
}
"""What a file of orders calls its columns, in any case."""
NEEDED = ("order_id", "amount", "currency", "time")
_REFUNDS = frozenset({"refund", "退款"})
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A row of a file that says what went back of an order."""

    order_id: str
    refund: Refund


def missing(names: Sequence[str]) -> list[str]:
    """Return, of columns without which no row can be read, those that are not among `names`."""
    found = {name.strip().casefold() for name in names}
    return [name for name in NEEDED if found.isdisjoint(COLUMNS[name])]


def read_row(row: Mapping[str, object], zone: tzinfo) -> Order | RefundRow:
    """Return what a row of texts says; raises Refused.

    An amount is in major units, a time without an offset in `zone`. Of type `refund`, or with an amount below nothing, it is what went
    back; a refund without a name is called by what it says, so that the same row again is the same refund.
    """
    told = {name: _Cell.of(row, names) for name, names in COLUMNS.items()}
    order_id = told["order_id"].read(id_of)
    if order_id is None:
        raise told["order_id"].refused(Reason.MISSING_ID, "a row has to have an order_id")
    at = told["time"].read(partial(time_of, zone=zone))
    if at is None:
        raise told["time"].refused(Reason.BAD_TIME, "a row has to say when it was")
    code = told["currency"].read(_currency)
    money = Money(told["amount"].read(partial(_amount, currency=code)), code)
    kind = told["type"].text.casefold()
    if kind in _REFUNDS or money.amount < 0:
        return _refund_row(order_id, Money(abs(money.amount), money.currency), at, told)
    user_id = told["user_id"].read(id_of)
    if user_id is None:
        raise told["user_id"].refused(Reason.MISSING_ID, "an order has to have a user_id")
    if kind and kind not in {*Kind, "order"}:
        raise told["type"].refused(Reason.UNKNOWN_TYPE, f"type has to be one of order, refund, {', '.join(Kind)}")
    what = Kind.PURCHASE if kind in ("", "order") else Kind(kind)
    return Order(order_id, user_id, money, at, what, told["product"].read(_text), told["source"].read(_text))


def refused(row: Mapping[str, object], refusal: Conflict | NotFound) -> Refused:
    """Return why a row that was read could not be taken, by the cell that is at fault and with what can be done."""
    if isinstance(refusal, Disagrees):
        name, mend = refusal.name, "Correct the row, or leave it out."
    else:
        name, mend = "order_id", "Put the order before its refund, in this file or in one that comes first."
    return _Cell.of(row, COLUMNS[name]).refused(Reason.CONFLICT, f"{refusal.detail} {mend}")


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a row says of something: under which name the file has it, and its text, empty where it says nothing."""

    name: str
    column: str
    text: str

    @classmethod
    def of(cls, row: Mapping[str, object], names: Sequence[str]) -> _Cell:
        found = {column.strip().casefold(): column for column in row}
        texts = {name: str(row[found[name]]).strip() for name in names if name in found}
        name = next((name for name in texts if texts[name]), next(iter(texts), names[0]))
        return cls(names[0], found.get(name, name), texts.get(name, ""))

    def read(self, reader: Callable[[str, str], T]) -> T:
        with cell(self.column, self.text):
            return reader(self.text, self.name)

    def refused(self, reason: Reason, detail: str) -> Refused:
        return Refused(reason, detail, self.column, self.text)


def _refund_row(order_id: str, money: Money, at: datetime, told: Mapping[str, _Cell]) -> RefundRow:
    if not money.amount:
        raise told["amount"].refused(Reason.BAD_PROPERTIES, "a refund has to have an amount")
    said = f"{money.amount}\x00{money.currency}\x00{at.isoformat()}"
    name = told["refund_id"].read(id_of) or f"import:{blake2b(said.encode(), digest_size=12).hexdigest()}"
    return RefundRow(order_id, Refund(name, money, at, told["reason"].read(_text)))


def _currency(text: str, name: str) -> str:
    try:
        return require_currency(text.upper())
    except ValueError as error:
        raise Refused(Reason.BAD_PROPERTIES, f"{name} {error}") from error


def _amount(text: str, name: str, currency: str) -> int:
    try:
        return read_amount(text, currency)
    except ValueError as error:
        raise Refused(Reason.BAD_PROPERTIES, f"{name} {error}") from error


def _text(value: str, name: str) -> str | None:
    if len(value) > _MOST_TEXT:
        raise Refused(Reason.TOO_LARGE, f"{name} has more than {_MOST_TEXT} characters")
    return storable(value) or None
