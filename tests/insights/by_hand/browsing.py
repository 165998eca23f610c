"""Trends, paths, sessions."""

from __future__ import annotations

from typing import Any

from tests.insights.by_hand.worked import Asked, Worked, days, world

SUM = {"event": "order", "aggregate": "sum", "property": "properties.amount"}
MEDIAN = {"event": "A", "aggregate": "median", "property": "properties.n"}


def series(answer: dict[str, Any]) -> list[Any]:
    """See name, breakdown, values and total of each row."""
    return [(row["name"], row["breakdown"], row["values"], round(row["total"], 2)) for row in answer["series"]]


def beside(answer: dict[str, Any]) -> list[Any]:
    """See what stands beside the values: total, moving average, the period before."""
    return [
        (row["values"], row["total"], row["moving_average"], row["previous"]["values"], row["previous"]["total"])
        for row in answer["series"]
    ]


def hours(answer: dict[str, Any]) -> Any:
    """See how many intervals there are, the first, where something is, and from where on they are incomplete."""
    values = answer["series"][0]["values"]
    filled = {place: value for place, value in enumerate(values) if value}
    return len(answer["intervals"]), answer["intervals"][0], filled, answer["incomplete_from"]


def edges(answer: dict[str, Any]) -> Any:
    """See nodes and edges as short rows."""
    nodes = [(node["name"], node["count"]) for node in answer["nodes"]]
    return nodes, [(edge["source"], edge["target"], edge["count"]) for edge in answer["edges"]]


WORLDS = [
    Worked(
        "sums, shares, breakdowns and a formula",
        """London 1000, 600 | 1000; Paris "12" (a text, no number) | 10; without a city | 5. Three, two, one event: at limit 1 London
        is shown, the others are joined. Sum/count a day: 1600/2, 1000/1, 0/0 = 0; of the totals 2600/3 = 866.67, not a mean of means.
        Others: 0/1, 15/2, 0/0; 15/3.""",
        "trends",
        world(
            *(("p1", "order", "01T10:00", {"city": "London", "amount": amount}) for amount in (1000, 600)),
            ("p2", "order", "01T11:00", {"city": "Paris", "amount": "12"}),
            ("p1", "order", "02T10:00", {"city": "London", "amount": 1000}),
            *(("p2", "order", "02T10:00", {"city": "Paris", "amount": 10}), ("p3", "order", "02T10:00", {"amount": 5})),
        ),
        [
            Asked(
                days("01", "03")
                | {
                    "series": [SUM, {"event": "order", "aggregate": "count"}],
                    "breakdown": {"field": "properties.city", "limit": 1},
                    "formulas": ["A/B"],
                },
                [
                    *(("A", "London", [1600, 1000, 0], 2600), ("A", "$other", [0, 15, 0], 15)),
                    *(("B", "London", [2, 1, 0], 3), ("B", "$other", [1, 2, 0], 3)),
                    *(("A/B", "London", [800, 1000, 0], 866.67), ("A/B", "$other", [0, 7.5, 0], 5)),
                ],
                series,
            )
        ],
    ),
    Worked(
        "means, medians, what went before",
        """Days 1–3 (before): 1, 0, 3 events; 4–6: 2, 0, 4. Mean of two neighbours: 2, (2 + 0)/2, (0 + 4)/2. Median of n: {1, 2} 1.5,
        nothing, {1, 2, 3, 10} 2.5; of all {1, 1, 2, 2, 3, 10} 2; nulls are left out of the moving mean: 1.5, 1.5, 2.5.
        Before: 1, nothing, 1. p90 of {1, 2, 3, 10}: position 2.7: 3 + 0.7·7 = 7.9; of all: position 4.5: 3 + 0.5·7 = 6.5.""",
        "trends",
        world(
            ("p1", "A", "01T10:00", {"n": 1}),
            *(("p1", "A", f"03T1{hour}:00", {"n": 1}) for hour in range(3)),
            *(("p1", "A", f"04T1{n}:00", {"n": n}) for n in (1, 2)),
            *(("p1", "A", f"06T10:{n:02}", {"n": n}) for n in (10, 3, 1, 2)),
        ),
        [
            Asked(
                days("04", "06") | {"series": [{"event": "A"}, MEDIAN], "moving_average": 2, "compare": "previous"},
                [
                    ([2, 0, 4], 6, [2, 1, 2], [1, 0, 3], 4),
                    ([1.5, None, 2.5], 2, [1.5, 1.5, 2.5], [1, None, 1], 1),
                ],
                beside,
            ),
            Asked(
                days("05", "06") | {"series": [MEDIAN | {"aggregate": "p90"}], "formulas": ["A - 2*(A + 1)"]},
                [("A", None, [None, 7.9], 7.9), ("A - 2*(A + 1)", None, [-2, -9.9], -9.9)],
                lambda answer: [
                    (name, value, [one if one is None else round(one, 6) for one in values], total)
                    for name, value, values, total in series(answer)
                ],
            ),
        ],
    ),
    Worked(
        "hours where they are odd",
        """Kathmandu is 5:45 ahead: 00:20 UTC is 06:05, in the hour from 06:00 = 00:15 UTC; the event of 01:14 is in it, that of 01:15
        in the next, that of 02:00 not in the range, which ends within the second hour. Berlin, 25 October 2026, has 25 hours from 22:00
        UTC of the 24th: 00:30 UTC is the first 02:30 (hour 2), 01:30 UTC the second (hour 3).""",
        "trends",
        world(
            *(("p1", "A", "01T01:14"), ("p1", "A", "01T01:15"), ("p1", "A", "01T02:00")),
            *(("p1", "A", "10-25T00:30"), ("p1", "A", "10-25T01:30")),
        ),
        [
            Asked(
                {"from": start, "to": end, "time_zone": zone, "interval": "hour", "series": [{"event": "A"}]},
                (count, first, filled, incomplete),
                hours,
            )
            for zone, start, end, count, first, filled, incomplete in (
                (
                    "Asia/Kathmandu",
                    "2026-03-01T00:20:00Z",
                    "2026-03-01T02:00:00Z",
                    2,
                    "2026-03-01T00:15:00Z",
                    {0: 1, 1: 1},
                    1,
                ),
                ("Europe/Berlin", "2026-10-25", "2026-10-25", 25, "2026-10-24T22:00:00Z", {2: 1, 3: 1}, None),
            )
        ],
    ),
    Worked(
        "what follows what",
        """p1: /, /pricing/, /pricing (the same, and so once), /signup; 31 minutes later / alone. p2: /, /pricing. Three sessions begin
        at /. From /pricing on: p1 goes to /signup, p2 nowhere. Back from /signup: /pricing, then /.""",
        "paths",
        world(
            *(("p1", "/", "01T10:00"), ("p1", "/pricing/", "01T10:05"), ("p1", "/pricing", "01T10:06")),
            *(("p1", "/signup", "01T10:10"), ("p1", "/", "01T10:41")),
            *(("p2", "/", "01T10:00"), ("p2", "/pricing", "01T10:01")),
        ),
        [
            Asked(days("01", "01") | {"field": "path"} | more, expected, edges)
            for more, expected in (
                (
                    {},
                    (
                        [("1_/", 3), ("2_/pricing", 2), ("3_/signup", 1)],
                        [("1_/", "2_/pricing", 2), ("2_/pricing", "3_/signup", 1)],
                    ),
                ),
                ({"limit": 1}, ([("1_/", 3), ("2_/pricing", 2)], [("1_/", "2_/pricing", 2)])),
                (
                    {"start": "/pricing/"},
                    ([("1_/pricing", 2), ("2_/signup", 1)], [("1_/pricing", "2_/signup", 1)]),
                ),
                (
                    {"direction": "backward", "end": "/signup"},
                    (
                        [("1_/signup", 1), ("2_/pricing", 1), ("3_/", 1)],
                        [("1_/signup", "2_/pricing", 1), ("2_/pricing", "3_/", 1)],
                    ),
                ),
            )
        ],
    ),
    Worked(
        "half an hour of nothing ends a session, midnight does not",
        """p1: 09:50, 10:00, 10:30 (30 minutes: still the same): 2,400 s; a millisecond over half an hour later another, a bounce.
        p2: 23:50 to 00:10: 1,200 s, of the 1st. Mean (2400 + 0 + 1200)/3. Asked for the 2nd alone, it has begun before.""",
        "sessions",
        world(
            *(
                ("p1", "A", "01T09:50"),
                ("p1", "A", "01T10:00"),
                ("p1", "A", "01T10:30"),
                ("p1", "A", "01T11:00:00.001"),
            ),
            *(("p2", "A", "01T23:50"), ("p2", "A", "02T00:10")),
        ),
        [
            Asked(
                days("01", "02"),
                {
                    "intervals": ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"],
                    "sessions": [3, 0],
                    "average_seconds": [1200, None],
                    "bounce_rate": [1 / 3, None],
                    "people": [2, 0],
                },
            ),
            Asked(days("02", "02"), [0], lambda answer: answer["sessions"]),
        ],
    ),
]
