"""An order of which something went back."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

CNY = "CNY"
ORDER = {
    "order_id": "o1",
    "user_id": "u1",
    "total": {"amount": 1999, "currency": CNY},
    "ordered_at": "2026-11-21T12:00:00Z",
}
REFUND = {"refund_id": "r1", "amount": {"amount": 1, "currency": CNY}, "refunded_at": "2026-11-21T13:00:00Z"}


async def make(api: Api) -> dict[str, str]:
    """Make one of each."""
    await post(api, "/v1/orders", ORDER)
    await post(api, "/v1/orders/o1/refunds", REFUND)
    return {"order_id": "o1"}


WORLD = World(
    "metrics",
    make,
    bodies={"POST /v1/orders/{order_id}/refunds": REFUND | {"refund_id": "r2"}},
    worded={
        "POST /v1/orders": ORDER | {"order_id": "o2", "product": SAID, "source": SAID},
        "POST /v1/orders/{order_id}/refunds": REFUND | {"refund_id": "r3", "reason": SAID},
    },
    without_words=frozenset({"POST /v1/insights/revenue"}),
)
