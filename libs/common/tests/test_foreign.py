"""Whatever a parser of foreign text raises: the text cannot be read, and nothing else follows from it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import jwt
import orjson
import pytest

from opsloop_common.errors import Invalid
from opsloop_common.foreign import Unreadable, readable, reading
from opsloop_common.mailboxes import address_flaw

RAISED = [
    ValueError,
    TypeError,
    OverflowError,
    IndexError,
    KeyError,
    RecursionError,
    ArithmeticError,
    OSError,
    TimeoutError,
]


def raising(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize("kind", RAISED)
def test_whatever_is_raised_means_unreadable(kind):
    error = kind("the text of a stranger")

    with pytest.raises(Unreadable) as caught, reading():
        raising(error)

    assert caught.value.__cause__ is error
    assert str(caught.value) == kind.__name__  # never what the stranger wrote
    assert readable(raising, error) is None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_process_or_a_task_goes_through(kind):
    with pytest.raises(kind):
        readable(raising, kind())


def test_refusals_of_ours_go_through():
    with pytest.raises(Invalid), reading():
        raising(Invalid("/x", "is wrong"))


def test_what_was_unreadable_within_stays_what_it_was():
    inner = Unreadable("inner")

    with pytest.raises(Unreadable) as caught, reading(), reading():
        raising(inner)

    assert caught.value is inner


async def test_a_wait_inside_can_be_ended():
    async def ask() -> None:
        with reading():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ask()


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parsedate_to_datetime, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"),
        (parsedate_to_datetime, ""),
        (parsedate_to_datetime, None),
        (datetime.fromisoformat, "9" * 5_000),
        (datetime.fromisoformat, None),
        (int, "9" * 5_000),
        (int, "½"),
        (ip_address, "1.2.3.4.5"),
        (ip_address, "::%"),
        (urlsplit, "http://[::1"),
        (orjson.loads, b"\xff"),
        (json.loads, "[" * 100_000),
        (jwt.get_unverified_header, "a.b.c"),
        (jwt.get_unverified_header, 7),
        (jwt.PyJWK.from_dict, {"kty": "RSA"}),
        (jwt.PyJWK.from_dict, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        (jwt.PyJWK.from_dict, {"kty": ["RSA"]}),
    ],
)
def test_parsers_that_raise_all_kinds_of_things(parse, text):
    assert readable(parse, text) is None


def test_what_can_be_read_is_what_the_parser_made_of_it():
    assert readable(parsedate_to_datetime, "Sun, 22 Nov 2026 08:00:00 GMT") == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert readable(int, "0") == 0


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, UnicodeError, IndexError, OverflowError, RecursionError, KeyError]
)
@pytest.mark.parametrize("parser", ["idna.encode", "validate_email"])
def test_whatever_a_parser_of_addresses_raises_the_address_is_refused_in_words(monkeypatch, parser, error):
    def broken(*_, **__):
        raise error("never shown")

    address = "名@例子.com"  # its domain is read by idna, and a name beyond ASCII by the validator
    assert address_flaw(address) is None
    monkeypatch.setattr(f"opsloop_common.mailboxes.{parser}", broken)

    flaw = address_flaw(address)

    assert flaw is not None
    assert flaw.startswith("must ")
    assert "never shown" not in flaw
