"""An event says where what it is about can be read, when the service has an address that people reach."""

from __future__ import annotations

import re

import pytest

from opsloop_common.clock import SystemClock
from opsloop_common.contracts import catalogue
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.ids import uuid7
from opsloop_common.outbox.append import event_from
from opsloop_common.settings import Settings
from opsloop_common.work import Context, Grounds


class Odd(EventData):
    """An event whose object has a name of many signs."""

    type = "odd.happened"
    aggregate = "odd"
    route = "/v1/odds/{odd_id}"

    odd_id: str


@pytest.mark.parametrize(
    ("public", "link"),
    [
        ("https://ops.example", "https://ops.example/api/feedback/v1/odds/org%2F%E7%94%B2%3F"),
        ("https://ops.example/", "https://ops.example/api/feedback/v1/odds/org%2F%E7%94%B2%3F"),
        ("https://ops.example/tools/", "https://ops.example/tools/api/feedback/v1/odds/org%2F%E7%94%B2%3F"),
        (None, None),
    ],
)
def test_the_link_stands_below_the_public_address(public, link):
    grounds = Grounds("feedback", SystemClock(), settings=Settings(public_url=public))

    assert grounds.link(Odd(odd_id="org/甲?").path()) == link
    assert grounds.link(None) is None
    assert Grounds("feedback", SystemClock()).link("/v1/odds/1") is None


def test_the_document_carries_the_link_and_is_read_back():
    data = Odd(odd_id="1")
    given = {
        "id": uuid7(),
        "time": SystemClock().now(),
        "source": "/opsloop/x",
        "context": Context("acme"),
        "sequence": 1,
    }

    linked, plain = event_from(data, **given, link="https://ops.example/1"), event_from(data, **given)

    assert Event.from_bytes(linked.to_bytes()).document()["link"] == "https://ops.example/1"
    assert "link" not in plain.document()


def test_every_type_says_where_its_object_is_shown():
    """None but those that nobody may GET."""
    assert {name for name, kind in catalogue.BY_TYPE.items() if kind.route is None} == {
        "feedback.erased",
        "user.contact_changed",
        "user.erased",
    }
    for kind in catalogue.BY_TYPE.values():
        assert set(re.findall(r"{(\w+)}", kind.route or "")) <= kind.model_fields.keys()
