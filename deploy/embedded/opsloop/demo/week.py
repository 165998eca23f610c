"""What the users of a small app said in a week, and what they said on the evening when payments failed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

WEEK_ITEMS = 280
OUTAGE_ITEMS = 40
CALM_ITEMS = 15
DAYS = 7

EVERYDAY = [
    ("The new home screen is lovely, thank you", 5, "praise"),
    ("新版本很好用，谢谢你们", 5, "praise"),
    ("Could you add a dark theme?", 4, "idea"),
    ("希望增加导出到 Excel 的功能", 4, "idea"),
    ("How do I change my delivery address?", 3, "question"),
    ("请问怎么修改收货地址？", 3, "question"),
    ("Search is a bit slow on my old phone", 3, "complaint"),
    ("图片加载有点慢", 3, "complaint"),
    ("The coupon page shows a small typo", 4, "bug"),
    ("夜间模式下有个按钮看不清", 3, "bug"),
    ("Delivery was quick, great service", 5, "praise"),
    ("客服回复很快，点赞", 5, "praise"),
    ("Please support Apple Pay", 4, "idea"),
    ("能不能支持更多的支付方式", 4, "idea"),
]
OUTAGE = [
    ("Payment failed twice and the money is gone", 1),
    ("支付失败，而且重复扣款两次", 1),
    ("Cannot pay, the app crashes at checkout", 1),
    ("付款一直失败，订单也不见了", 1),
    ("I was charged but my order is lost", 1),
    ("一点支付就闪退，完全用不了", 1),
]
MENDED = [
    ("Paying works again, thank you", 5),
    ("支付恢复了，谢谢", 5),
    ("Good to see how quickly you reacted", 5),
    ("处理得很快，点赞", 5),
]
CUSTOMERS = {
    "buyer-zh": ("buyer-zh@example.test", "zh-CN"),
    "buyer-en": ("buyer-en@example.test", "en"),
    "guest": (None, "en"),
}


def everyday(now: datetime, rng: random.Random) -> list[dict[str, Any]]:
    """Return the posts of the week before `now`, each with its own time."""
    items = []
    for number in range(WEEK_ITEMS):
        body, rating, kind = rng.choice(EVERYDAY)
        at = now - timedelta(days=DAYS) + timedelta(days=DAYS * 0.999) * rng.random()
        items.append(_post(f"week-{number}", body, rating, at, rng) | {"kind": kind})
    return sorted(items, key=lambda item: str(item["occurred_at"]))


def storm(
    texts: list[tuple[str, int]], prefix: str, count: int, now: datetime, rng: random.Random
) -> list[dict[str, Any]]:
    """Return `count` posts of this very moment."""
    return [_post(f"{prefix}-{number}", *texts[number % len(texts)], now, rng) for number in range(count)]


def payment_success(now: datetime, rng: random.Random) -> list[tuple[datetime, float]]:
    """Return the share of payments that went through, one value a day, up to yesterday."""
    return [(now - timedelta(days=day), round(0.982 + 0.012 * rng.random(), 4)) for day in range(DAYS, 0, -1)]


def _post(external_id: str, body: str, rating: int, at: datetime, rng: random.Random) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "body": body,
        "rating": rating,
        "channel": rng.choice(["widget", "email", "store_review"]),
        "locale": "en" if body.isascii() else "zh-CN",
        "author": {"user_id": rng.choice([*CUSTOMERS, "u1", "u2", "u3", "u4"])},
        "occurred_at": at.isoformat(),
    }
