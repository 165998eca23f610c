"""What the relay gives to Kafka beside an event's bytes, and how it counts what came."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from opsloop_common.bus.kafka.publisher import _came, _headers
from opsloop_common.contracts.envelope import CONTENT_TYPE

ID = UUID("01a216d8-53b8-7c34-8048-5c68f3c3274c")
ROW = {"event_id": ID, "type": "feedback.received"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("document", "expected"), [({}, None), ({"traceparent": None}, None), ({"traceparent": TRACEPARENT}, TRACEPARENT)]
)
def test_an_event_goes_with_its_type_its_id_and_the_trace_that_it_is_part_of(document, expected):
    headers = dict(_headers(ROW, document))

    assert headers.pop("traceparent", b"").decode() == (expected or "")
    assert headers == {
        "content-type": CONTENT_TYPE.encode(),
        "ce_id": str(ID).encode(),
        "ce_type": b"feedback.received",
    }


async def test_only_what_the_broker_acknowledged_came():
    loop = asyncio.get_running_loop()
    acknowledged, refused, given_up, on_its_way = (loop.create_future() for _ in range(4))
    acknowledged.set_result(None)
    refused.set_exception(OSError("no leader"))
    given_up.cancel()

    assert [_came(future) for future in (acknowledged, refused, given_up, on_its_way)] == [True, False, False, False]
    assert isinstance(refused.exception(), OSError)
