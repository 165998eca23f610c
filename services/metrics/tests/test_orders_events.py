"""No event is an order, whatever it is called and whoever's client sends it: orders are told, or come as files."""

from __future__ import annotations

import json

import pytest

from services.metrics.tests.wires import WIRES, Capture

NAMES = ("Order Completed", "Order Refunded", "purchase", "Revenue", "付款")
SAID = {"order_id": "o1", "user_id": "u1", "total": 5, "revenue": 5, "amount": 5, "currency": "CNY"}


@pytest.mark.parametrize("wire", sorted(WIRES))
async def test_an_event_that_sounds_like_an_order_is_an_event_on_every_wire(world_with_store, store, wire):
    """The same name from any client is the same event, and none of them makes an order."""
    capture, door = Capture(world_with_store, store), WIRES[wire]
    for name in NAMES:
        content = door.text(capture.key, name, extra=json.dumps(SAID))
        sent = await capture.post(door.address(capture.key), content=content, headers=door.headers(capture.key))
        assert sent.status_code == door.status, sent.text

    assert sorted(await capture.stored("kind, event")) == [("track", name) for name in sorted(NAMES)]
    assert (await world_with_store.get("/v1/orders"))["items"] == []
