"""An order of which something went back, and a day of downloads."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from opsloop_common.db import Context
from opsloop_common.testing.http import Api
from opsloop_metrics.store_downloads import service as store_downloads
from opsloop_metrics.store_downloads.rules import Downloads
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
    async with api.db.transaction(Context("acme")) as session:
        row = Downloads(date(2026, 11, 21), "app_store", "123", "CN", 5, "")
        await store_downloads.take_row(session, row, import_id=uuid4())
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
