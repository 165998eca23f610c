"""What comes of the app's numbers: whom they are about, what matters of them, and whether it will be reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from opsloop.demo.growth import first_monday, paid_funnel
from opsloop.demo.narrator import Narrator
from opsloop.demo.shop import Shop, send, until

TARGET, AT_LEAST = 0.25, 0.2
MEASURED_WITHIN = 90.0
"""Seconds: KPIs on insights are measured in turns of a minute."""
DAYS, PASSED = 100, 80
"""Of the objective: so far into it that what is reached is too little, and not yet far too little."""

WEEKS_KNOWN = 10
"""What is to be expected of a day is learnt from eight weeks."""
CALLS = (655, 640, 632, 648, 610, 310, 280)
"""From Monday to Sunday."""
FEW = 140
"""So few that it is unusual on any of these days."""


async def aims(shop: Shop, say: Narrator) -> None:
    """Name a segment, own a KPI, set an objective, and wait until each says where it stands; raises Disappointed."""
    await _who(shop, say)
    await _what_matters(shop, say)
    await _what_is_unusual(shop, say)
    await _how_far(shop, say)


async def _who(shop: Shop, say: Narrator) -> None:
    did, did_not = ({"type": "event", "event": "Signed Up", "op": "ge", "count": 1}, _never("Paid"))
    definition = {"match": "all", "conditions": [did, did_not]}
    segment = {"name": "Signed up, never paid", "kind": "dynamic", "definition": definition}
    made = await send(shop.metrics, "POST", "/v1/segments", segment)

    async def counted() -> int | None:
        now = await send(shop.metrics, "GET", f"/v1/segments/{made['id']}")
        return None if now["refreshed_at"] is None else int(now["size"])

    size = await until(counted, "the segment's size")
    kept = "kept up to date every 5 minutes and told by segment.entered and segment.left"
    say(f"Who: the segment “{segment['name']}” has {size} people, {kept}.")


def _never(event: str) -> dict[str, Any]:
    return {"type": "event", "event": event, "op": "eq", "count": 0}


async def _what_matters(shop: Shop, say: Narrator) -> None:
    funnel = {
        "name": "From a visit to a payment",
        "kind": "funnel",
        "query": paid_funnel(first_monday(datetime.now(UTC))),
    }
    insight = await send(shop.metrics, "POST", "/v1/insights", funnel)
    kpi = {"key": "paid_conversion", "name": "Visitors who pay", "owner": "growth", "unit": "ratio", "target": TARGET}
    measure = {"type": "insight", "insight_id": insight["id"]}
    await send(shop.metrics, "POST", "/v1/kpis", kpi | {"measure": measure})
    condition = {"type": "threshold", "operator": "lt", "value": AT_LEAST}
    await send(
        shop.metrics, "POST", "/v1/kpis/paid_conversion/monitors", {"condition": condition, "severity": "warning"}
    )
    say(f"What matters: the KPI paid_conversion on that funnel, target {TARGET:.0%}, alarm below {AT_LEAST:.0%}.")

    breach = await _breach_of(shop, "paid_conversion")
    say(f"Measured: {breach['value']:.1%} < {AT_LEAST:.0%}, {breach['severity']}, incident {breach['incident_id']}")
    say.more(f"its picture: {_address(shop, '/v1/kpis/paid_conversion.svg')}")


async def _what_is_unusual(shop: Shop, say: Narrator) -> None:
    kpi = {"key": "calls_answered", "name": "Calls answered a day", "owner": "support", "measure": {"type": "reported"}}
    await send(shop.metrics, "POST", "/v1/kpis", kpi)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for ago in range(WEEKS_KNOWN * 7, 0, -1):
        day = today - timedelta(days=ago)
        value = {"value": FEW if ago == 1 else CALLS[day.weekday()] + ago % 5, "at": day.isoformat()}
        await send(shop.metrics, "POST", "/v1/kpis/calls_answered/values", value)
    condition = {"type": "anomaly", "direction": "down"}
    await send(shop.metrics, "POST", "/v1/kpis/calls_answered/monitors", {"condition": condition})
    breach = await _breach_of(shop, "calls_answered")
    say(f"Unusual: calls answered a day, as reported for {WEEKS_KNOWN} weeks, incident {breach['incident_id']}")
    for line in explained(breach):
        say.more(line)


def explained(breach: dict[str, Any]) -> list[str]:
    """Return lines that say why a KPI is where it is, as far as its incident does: what an anomaly was expected to be."""
    words = breach.get("words") or {}
    return [words[language] for language in ("en", "zh") if language in words]


async def _breach_of(shop: Shop, kpi: str) -> dict[str, Any]:
    async def breached() -> dict[str, Any] | None:
        found = (await send(shop.metrics, "GET", f"/v1/breaches?kpi={kpi}"))["items"]
        return found[0] if found else None

    return await until(breached, f"the breach of {kpi}", seconds=MEASURED_WITHIN)


async def _how_far(shop: Shop, say: Narrator) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=PASSED)
    days = {"from": first.isoformat(), "to": (first + timedelta(days=DAYS - 1)).isoformat()}
    title = "A quarter of the visitors pay"
    objective = await send(shop.metrics, "POST", "/v1/objectives", {"title": title, "owner": "growth"} | days)
    at = f"/v1/objectives/{objective['id']}"
    result = {"title": "Visitors who pay", "kpi": "paid_conversion", "start": 0.1, "target": TARGET}
    await send(shop.metrics, "POST", f"{at}/key-results", result)

    async def told() -> dict[str, Any] | None:
        events = (await send(shop.notifications, "GET", "/v1/events?limit=200&types=goal.at_risk"))["items"]
        return next((each for each in events if each["type"] == "goal.at_risk"), None)

    risk = (await until(told, "the event goal.at_risk"))["data"]
    say(f"Why: the objective “{title}” is {risk['state'].replace('_', ' ')}, told by goal.at_risk:")
    say.more(f"{risk['progress']:.0%} of the way from 10% to {TARGET:.0%}, and {risk['pace']:.0%} of the time is over")
    say.more(f"its picture: {_address(shop, f'{at}.svg')}")


def _address(shop: Shop, path: str) -> str:
    return str(shop.metrics.base_url).rstrip("/") + path
