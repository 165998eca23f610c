"""Answers of insights as their doors tell them, for tests of what is drawn of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from opsloop_metrics.charts.rules import Note

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2026, 3, 1, tzinfo=SHANGHAI)


def days(count: int) -> list[str]:
    """Return the starts of so many days."""
    return [(FIRST + timedelta(days=place)).isoformat() for place in range(count)]


def series(name: str, label: str, values: list[Any], **fields: Any) -> dict[str, Any]:
    """Return one series of a trend."""
    total = sum(value or 0 for value in values)
    plain = {"breakdown": None, "previous": None, "moving_average": None}
    return {"name": name, "label": label, "values": values, "total": total} | plain | fields


def trends(*given: dict[str, Any], incomplete_from: int | None = None) -> dict[str, Any]:
    """Return a trend; without series one of two events over 30 days, compared with the time before."""
    if not given:
        signed = [120 + (place * 37) % 61 + place * 3 for place in range(30)]
        before = [90 + (place * 29) % 53 + place * 2 for place in range(30)]
        paid = [20 + (place * 13) % 17 + place for place in range(30)]
        previous = {"values": before, "total": sum(before)}
        given = (series("A", "signed_up", signed, previous=previous), series("B", "order_paid", paid))
        incomplete_from = 28
    count = len(given[0]["values"])
    return {"intervals": days(count), "series": list(given), "incomplete_from": incomplete_from}


def active_users() -> dict[str, Any]:
    """Return active users over 60 days."""
    dau = [300 + (place * 41) % 97 + place * 4 - (140 if place % 7 > 4 else 0) for place in range(60)]
    wau = [1_100 + place * 11 + (place * 17) % 40 for place in range(60)]
    mau = [2_600 + place * 22 for place in range(60)]
    shares = [one / all_ for one, all_ in zip(dau, mau, strict=True)]
    return {"intervals": days(60), "dau": dau, "wau": wau, "mau": mau, "stickiness": shares}


def sessions() -> dict[str, Any]:
    """Return sessions over 14 days."""
    counts = [800 + (place * 53) % 211 for place in range(14)]
    people = [count * 2 // 3 for count in counts]
    return {
        "intervals": days(14),
        "sessions": counts,
        "average_seconds": [190.0] * 13 + [205.5],
        "bounce_rate": [0.41] * 14,
        "people": people,
    }


def lifecycle() -> dict[str, Any]:
    """Return a lifecycle over 20 days."""
    return {
        "intervals": days(20),
        "new": [60 + (place * 31) % 37 for place in range(20)],
        "returning": [200 + place * 6 - (60 if place % 7 > 4 else 0) for place in range(20)],
        "resurrecting": [25 + (place * 7) % 19 for place in range(20)],
        "dormant": [-70 - (place * 23) % 41 for place in range(20)],
    }


def stickiness() -> dict[str, Any]:
    """Return stickiness over 14 days."""
    return {"periods": 14, "people": [420, 260, 180, 130, 96, 80, 71, 55, 40, 31, 25, 18, 14, 9]}


def funnel_steps(
    *counts: int, labels: tuple[str, ...] = ("visited", "signed_up", "activated", "order_paid")
) -> list[Any]:
    """Return steps of a funnel with so many each."""
    return [
        {
            "label": labels[place],
            "count": count,
            "from_first": count / counts[0] if place else 1.0,
            "from_previous": count / counts[place - 1] if place else None,
            "dropped": counts[place - 1] - count - (12 if place == 3 else 0) if place else 0,
            "average_seconds": 4_000.0 if place else None,
            "median_seconds": 185.0 * 10**place if place else None,
            "in_progress": 12 if place == 3 else 0,
        }
        for place, count in enumerate(counts)
    ]


def funnel(*, breakdown: bool = False) -> dict[str, Any]:
    """Return a funnel of four steps."""
    parts = [
        {"value": "google", "steps": funnel_steps(5_000, 1_900, 900, 260)},
        {"value": "", "steps": funnel_steps(4_000, 1_500, 420, 90)},
        {"value": "$other", "steps": funnel_steps(1_000, 400, 230, 70)},
    ]
    return {
        "steps": funnel_steps(10_000, 3_800, 1_550, 420),
        "time_to_convert": {"average_seconds": 250_000.0, "median_seconds": 180_000.0, "bins": []},
        "breakdown": parts if breakdown else None,
    }


def retention(*, weeks: int = 9, breakdown: str | None = None) -> dict[str, Any]:
    """Return a triangle of weekly cohorts, whose last column is not over."""
    cohorts = []
    for row in range(weeks):
        size = 400 + (row * 67) % 150
        values = []
        for column in range(weeks - row):
            share = 1.0 if column == 0 else 0.62 / (column + 1) ** 0.55 + row * 0.008
            is_complete = column < weeks - row - 1
            values.append({"count": round(size * share), "share": share, "has_begun": True, "is_complete": is_complete})
        start = (FIRST + timedelta(days=1 + 7 * row)).isoformat()
        cohorts.append({"start": start, "breakdown": breakdown, "size": size, "values": values})
    average = [1.0] + [0.62 / (column + 1) ** 0.55 + 0.02 for column in range(1, weeks - 1)] + [None]
    return {"cohorts": cohorts, "average": average}


def paths() -> dict[str, Any]:
    """Return paths of four steps."""
    nodes = {
        "1_/": 1_000, "1_/blog": 300, "2_/pricing": 520, "2_/docs": 380, "2_/blog": 210, "3_/signup": 340, "3_/docs": 260,
        "3_/pricing": 120, "4_/welcome": 300, "4_/pricing": 90,
    }  # fmt: skip
    edges = [
        ("1_/", "2_/pricing", 430), ("1_/", "2_/docs", 300), ("1_/", "2_/blog", 120), ("1_/blog", "2_/pricing", 90),
        ("1_/blog", "2_/docs", 80), ("1_/blog", "2_/blog", 90), ("2_/pricing", "3_/signup", 300), ("2_/docs", "3_/docs", 190),
        ("2_/docs", "3_/pricing", 90), ("2_/blog", "3_/docs", 70), ("2_/blog", "3_/signup", 40), ("2_/pricing", "3_/pricing", 30),
        ("3_/signup", "4_/welcome", 300), ("3_/docs", "4_/pricing", 60), ("3_/pricing", "4_/pricing", 30),
    ]  # fmt: skip
    return {
        "sessions": 1_625,
        "single": 325,
        "nodes": [{"name": name, "count": count} for name, count in nodes.items()],
        "edges": [{"source": source, "target": target, "count": count} for source, target, count in edges],
    }


def friction(*names: str) -> list[dict[str, Any]]:
    """Return a friction list, of which 1,000 people were anywhere."""
    pages = []
    for place, name in enumerate(names):
        people, troubled = 800 - 90 * place, 240 - 60 * place
        pages.append(
            {
                "page": name,
                "score": troubled / 1_000,
                "share": troubled / people,
                "reach": people / 1_000,
                "people": people,
                "troubled": troubled,
                "rage": troubled // 2,
                "dead": troubled // 3,
                "errors": 7,
                "poor_vitals": 20,
            }
        )
    return pages


def experience() -> dict[str, Any]:
    """Return what is drawn of an experience: its friction list."""
    found = (("lcp", 2_100.4, "good"), ("inp", 480.0, "needs-improvement"), ("cls", 0.31, "poor"), ("fcp", None, None))
    metrics = [{"metric": metric, "p75": p75, "rating": rating} for metric, p75, rating in found]
    return {"people": 1_000, "friction": friction("/pricing", "/docs", "/signup"), "vitals": {"metrics": metrics}}


def attribution() -> dict[str, Any]:
    """Return which sources get credit for 200 conversions."""
    linear = {"google": 91.5, "weixin": 60.25, "$none": 40.25, "$other": 8.0}
    rows = [
        {
            "value": value,
            "sessions": 900 - 200 * place,
            "people": 700 - 150 * place,
            **{
                model: {"conversions": credit, "revenue": None}
                for model, credit in (("first", 50), ("last", 50), ("linear", parts))
            },
        }
        for place, (value, parts) in enumerate(linear.items())
    ]
    return {"rows": rows, "total": {"conversions": 200, "revenue": None, "people": 1_900}}


def breakdown(count: int = 5) -> dict[str, Any]:
    """Return so many pages by their people, and others."""
    rows = [
        {
            "values": [f"/docs/{place}", "$none" if place % 2 else "google"],
            "events": 900 - place,
            "people": 400 - place,
            "share": (400 - place) / 1_000,
            "previous": None,
        }
        for place in range(count)
    ]
    return {
        "by": ["path", "utm_source"],
        "rows": rows,
        "other": {"events": 120, "people": 90},
        "total": {"events": 5_000, "people": 1_000},
    }


def usage(*labels: str) -> dict[str, Any]:
    """Return the use of three features over three days."""
    people = (600, 240, 30)
    features = [
        {
            "label": label, "people": count, "adoption": count / 1_000, "new_people": count // 3, "events": count * 4,
            "events_per_person": 4.0, "days_per_person": 1.5, "adoption_by_interval": [count / 1_000] * 3,
        }
        for label, count in zip(labels or ("signed_up", "order_paid", "visited"), people, strict=False)
    ]  # fmt: skip
    active = {"total": 1_000, "by_interval": [700, 650, 640]}
    breadth = [350, 450, 180, 20]
    return {"intervals": days(3), "features": features, "active": active, "breadth": breadth, "incomplete_from": None}


def churn(value: str = "支付") -> dict[str, Any]:
    """Return answers of 80 who left and 120 who stayed."""
    rows = [
        {
            "label": "kind", "value": value, "left": left, "stayed": stayed, "left_share": left / 80, "stayed_share": stayed / 120,
            "difference": left / 80 - stayed / 120, "difference_low": -0.1, "difference_high": 0.4,
            "lift": left / stayed * 1.5 if stayed else None,
        }
        for left, stayed in ((40, 12), (8, 0), (4, 60))
    ]  # fmt: skip
    counts = {"people": 210, "left": 80, "stayed": 120, "undecided": 10, "churn_rate": 0.4, "silent": 0.35}
    return counts | {"rows": rows, "left_out": 3}


def next_best(item: str = "/pricing", other: str | None = "/docs") -> dict[str, Any]:
    """Return what goes together."""
    rows = [
        {"item": item, "goes_with": other, "score": score, "people": 50, "together": together}
        for score, together in ((0.8, 40), (0.4, 20), (0.1, 5))
    ]
    return {"items_compared": 120, "begins_with": None, "rows": rows}


def revenue() -> dict[str, Any]:
    """Return revenue of 14 days, in minor units; on one day more went back than came."""
    gross = [120_000 + (place * 7_919) % 60_001 for place in range(14)]
    refunds = [(place * 3_571) % 9_001 for place in range(14)]
    refunds[5] = 190_050
    net = [came - went for came, went in zip(gross, refunds, strict=True)]
    return {
        "currency": "CNY",
        "currency_digits": 2,
        "intervals": days(14),
        "net": net,
        "refunds": refunds,
        "totals": {"net": sum(net), "refunds": sum(refunds), "buyers": 321, "arppu": sum(net) / 321},
        "incomplete_from": 13,
    }


ANSWERS: dict[str, dict[str, Any]] = {
    "trends": trends(),
    "active-users": active_users(),
    "sessions": sessions(),
    "lifecycle": lifecycle(),
    "stickiness": stickiness(),
    "funnel": funnel(),
    "retention": retention(),
    "paths": paths(),
    "experience": experience(),
    "attribution": attribution(),
    "breakdown": breakdown(),
    "usage": usage(),
    "churn": churn("401"),
    "next-best": next_best(),
    "revenue": revenue(),
}
EMPTY: dict[str, dict[str, Any]] = {
    "trends": {"intervals": [], "series": [], "incomplete_from": None},
    "active-users": {"intervals": [], "dau": [], "wau": [], "mau": [], "stickiness": []},
    "sessions": {"intervals": [], "sessions": [], "average_seconds": [], "bounce_rate": [], "people": []},
    "lifecycle": {"intervals": [], "new": [], "returning": [], "resurrecting": [], "dormant": []},
    "stickiness": {"periods": 0, "people": []},
    "funnel": {
        "steps": [],
        "time_to_convert": {"average_seconds": None, "median_seconds": None, "bins": []},
        "breakdown": None,
    },
    "retention": {"cohorts": [], "average": []},
    "paths": {"sessions": 0, "single": 0, "nodes": [], "edges": []},
    "experience": {"people": 0, "friction": [], "vitals": {"metrics": []}},
    "attribution": {"rows": [], "total": {"conversions": 0, "revenue": None, "people": 0}},
    "breakdown": {"by": ["path"], "rows": [], "other": None, "total": {"events": 0, "people": 0}},
    "usage": {
        "intervals": [],
        "features": [],
        "active": {"total": 0, "by_interval": []},
        "breadth": [0],
        "incomplete_from": None,
    },
    "churn": {
        "people": 0,
        "left": 0,
        "stayed": 0,
        "undecided": 0,
        "churn_rate": None,
        "silent": None,
        "rows": [],
        "left_out": 0,
    },
    "next-best": {"items_compared": 0, "begins_with": 0, "rows": []},
    "revenue": {
        "currency": None,
        "currency_digits": 0,
        "intervals": [],
        "net": [],
        "refunds": [],
        "totals": {"net": 0, "refunds": 0, "buyers": 0, "arppu": None},
    },
}
NOTES = (
    Note(FIRST + timedelta(days=6, hours=12), "Campaign"),
    Note(FIRST + timedelta(days=7), "Release 2.4"),
    Note(FIRST + timedelta(days=7, hours=1), "Third"),
    Note(FIRST - timedelta(seconds=1), "Too early"),
    Note(FIRST + timedelta(days=30), "Too late"),
)
