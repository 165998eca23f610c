"""Which headers an endpoint's owner may give, and what changes of them come to."""

import pytest

from opsloop_common.errors import Invalid
from opsloop_notifications.headers.rules import header_fault, headers_of_call, with_changes


@pytest.mark.parametrize(
    "name",
    [
        "Host", "connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "Content-Length",
        "Content-Type", "content-encoding", "webhook-id", "Webhook-Signature", "svix-id", "traceparent", "tracestate", "baggage", "Expect",
        "User-Agent", "Accept-Encoding", "X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "Date", "ce-id",
    ],
)  # fmt: skip
def test_what_belongs_to_the_call_is_refused_by_name(name):
    assert "belongs to the call" in header_fault(name)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "x\r\ny", "a" * 101, "(x)", "a\x00", "支付"])
def test_what_is_no_name_is_refused(name):
    assert "no name" in header_fault(name)


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Api-Key", "cookie", "accept", "x-b3-traceid", "webhooks", "A" * 100]
)
def test_what_is_the_owners_may_be_given(name):
    assert header_fault(name) is None


@pytest.mark.parametrize(
    ("had", "changes", "found"),
    [
        ({}, {"X-B": "1", "A": "2"}, {"a": "2", "x-b": "1"}),
        ({"a": "1", "b": "2"}, {"B": None}, {"a": "1"}),
        ({"a": "1"}, {"A": "2", "c": None}, {"a": "2"}),
        ({"a": "1"}, {}, {"a": "1"}),
        ({"a": "1", "b": "2"}, {"A": True, "b": "3"}, {"a": "1", "b": "3"}),
    ],
)
def test_changes_set_and_take_away(had, changes, found):
    merged = with_changes(had, changes)

    assert (merged, list(merged)) == (found, sorted(found))


@pytest.mark.parametrize(
    "had", [{f"h{n}": "v" for n in range(20)}, {f"h{n}": "v" * 1_000 for n in range(7)} | {"x": "v" * 900}]
)
def test_all_together_are_bounded(had):
    assert with_changes(had, {"x": None, "h0": "w"})["h0"] == "w"
    with pytest.raises(Invalid) as refused:
        with_changes(had, {"new": "v" * 100, "newer": "v" * 100})
    assert refused.value.errors[0].pointer == "/headers"


def test_one_that_has_no_value_cannot_keep_it():
    with pytest.raises(Invalid) as refused:
        with_changes({"a": "1"}, {"A": True, "x~b": True})
    assert [error.pointer for error in refused.value.errors] == ["/headers/x~0b"]


@pytest.mark.parametrize(
    ("traceparent", "origin", "more"),
    [
        (None, None, {}),
        ("00-1-2-01", None, {"traceparent": "00-1-2-01"}),
        (None, "opsloop.example", {"webhook-request-origin": "opsloop.example"}),
    ],
)
def test_what_is_ours_names_the_message_and_nobody_may_give_it(traceparent, origin, more):
    headers = headers_of_call("m1", "application/json", traceparent=traceparent, origin=origin)

    assert (
        headers == {"content-type": "application/json", "user-agent": "OpsLoop-Webhooks/1", "webhook-id": "m1"} | more
    )
    assert [name for name in headers if header_fault(name) is None] == []
