"""What an endpoint is asked before it is called, and what of its answers is a consent."""

import pytest

from opsloop_common.errors import Invalid
from opsloop_notifications.handshakes.rules import (
    Consent,
    calls_a_second,
    origin_of,
    read_consent,
    request_headers,
    require_handshake,
)

ORIGIN = "ops.example.com"


def answer(origin=None, rate=None):
    headers = {"webhook-allowed-origin": origin, "webhook-allowed-rate": rate}
    return {name: value for name, value in headers.items() if value is not None}


def test_the_rate_is_asked_for_where_the_owner_says_one():
    assert request_headers(ORIGIN, rate_limit=None) == {"webhook-request-origin": ORIGIN}
    assert request_headers(ORIGIN, rate_limit=2) == {"webhook-request-origin": ORIGIN, "webhook-request-rate": "120"}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (answer(ORIGIN), Consent()),
        (answer("*"), Consent()),
        (answer(ORIGIN.upper()), Consent()),
        (answer(f"other.example.com, {ORIGIN}"), Consent()),
        (answer("*", "*"), Consent()),
        (answer("*", "120"), Consent(120)),
        (answer("*", " 0030 "), Consent(30)),
        (answer("*", "9" * 5_000), Consent()),
    ],
)
def test_what_is_a_consent(headers, found):
    assert read_consent(headers, ORIGIN, is_rate_asked=False) == found


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (answer(), "no WebHook-Allowed-Origin"),
        (answer(rate="*"), "no WebHook-Allowed-Origin"),
        (answer(""), "another origin"),
        (answer("example.com"), "another origin"),
        (answer(f"x{ORIGIN}"), "another origin"),
        (answer(", ".join(["a.example.com"] * 50 + [ORIGIN])), "another origin"),
        (answer("*", "0"), "neither"),
        (answer("*", "-1"), "neither"),
        (answer("*", "1.5"), "neither"),
        (answer("*", "\u0663"), "neither"),
        (answer("*", ""), "neither"),
    ],
)
def test_what_is_none(headers, why):
    consent = read_consent(headers, ORIGIN, is_rate_asked=False)

    assert why in consent.refused
    assert consent.allowed_rate is None


def test_a_rate_that_was_asked_for_has_to_be_named():
    assert "Allowed-Rate" in read_consent(answer("*"), ORIGIN, is_rate_asked=True).refused
    assert read_consent(answer("*", "*"), ORIGIN, is_rate_asked=True) == Consent()


@pytest.mark.parametrize(
    ("wanted", "allowed", "found"), [(None, None, None), (10, None, 10), (None, 30, 0.5), (10, 60, 1), (1, 600, 1)]
)
def test_the_lower_rate_counts(wanted, allowed, found):
    assert calls_a_second("cloudevents", wanted, allowed) == found


@pytest.mark.parametrize(
    ("url", "origin"), [(None, None), ("", None), ("https://ops.example.com/x", ORIGIN), ("http://[::1]:8080", "::1")]
)
def test_who_asks(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(("format", "origin"), [("slack", ORIGIN), ("alertmanager", ORIGIN), ("cloudevents", None)])
def test_who_cannot_be_asked(format, origin):
    with pytest.raises(Invalid) as refused:
        require_handshake(format, origin)
    assert refused.value.errors[0].pointer == "/handshake"
