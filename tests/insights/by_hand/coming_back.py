"""Retention, lifecycle, stickiness, active users."""

from __future__ import annotations

from typing import Any

from tests.insights.by_hand.worked import LATE, Asked, Worked, at, days, table, world

A_TO_B: dict[str, Any] = {"start": {"event": "A"}, "return": {"event": "B"}, "interval": "day"}
PRO = {"event": "A", "where": [{"field": "properties.plan", "op": "eq", "value": "pro"}]}
THIRD = 0.333


def days_of(month: str, *numbers: str) -> list[str]:
    """Return the starts of days in UTC."""
    return [f"2026-{month}-{number}T00:00:00Z" for number in numbers]


WORLDS = [
    Worked(
        "who came back, at least so often, then or later",
        """p1: A on the 1st, B on the 2nd and 4th; p2: A on the 1st and 2nd, two B on the 2nd. Row 1: p1, p2; B on the 2nd by both,
        on the 4th by p1. Row 2: p2, whose B of the 2nd lies in column 0. Row 3: nobody. Means: 3/3, 2/3, 0/3, 1/3.
        Rolling: column 2 of row 1 counts p1, who comes on the 4th. At least two: p2's pair on the 2nd alone.
        On the 4th at noon the 4th is not over: column 3 has no complete bucket, column 2 that of row 1 alone (0 of 2).""",
        "retention",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "B", "02T10:00"), ("p1", "B", "04T10:00")),
            *(("p2", "A", "01T10:00"), ("p2", "A", "02T10:00"), ("p2", "B", "02T11:00"), ("p2", "B", "02T12:00")),
        ),
        [
            Asked(
                days("01", "03") | A_TO_B | {"periods": 4} | more,
                {"03-01": first, "03-02": [1, 0, 0, 0], "03-03": [0, 0, 0, 0], "average": average},
                table,
                now,
            )
            for more, first, average, now in (
                ({}, [2, 2, 0, 1], [1, 0.667, 0, THIRD], LATE),
                ({"rolling": True}, [2, 2, 1, 1], [1, 0.667, THIRD, THIRD], LATE),
                ({"min_occurrences": 2}, [2, 1, 0, 0], [1, THIRD, 0, 0], LATE),
                ({}, [2, 2, 0, 1], [1, 0.667, 0, None], at("04T12:00")),
            )
        ],
    ),
    Worked(
        "for the first time",
        """Start: A of plan pro; back: anything. p1 did so before the range: recurring on the 2nd, no first time in the range.
        p2's first A is of another plan, the one of the 3rd its first that matches; p3's first A matches, and it is back on the 3rd.""",
        "retention",
        world(
            *(("p1", "A", "01T10:00", {"plan": "pro"}), ("p1", "A", "02T10:00", {"plan": "pro"})),
            *(("p2", "A", "02T10:00", {"plan": "free"}), ("p2", "A", "03T10:00", {"plan": "pro"})),
            *(("p3", "A", "02T10:00", {"plan": "pro"}), ("p3", "X", "03T10:00")),
        ),
        [
            Asked(
                days("02", "03") | {"start": PRO, "return": {"event": None}, "periods": 2, "mode": mode},
                {"03-02": second, "03-03": third, "average": average},
                table,
            )
            for mode, second, third, average in (
                ("recurring", [2, 1], [1, 0], [1, THIRD]),
                ("first_time", [1, 1], [1, 0], [1, 0.5]),
                ("first_ever", [1, 1], [0, 0], [1, 1]),
            )
        ],
    ),
    Worked(
        "windows of 24 hours",
        """Both begin on the 1st at 20:00. p1 is back after 27 and 50 h: windows 1 and 2. p2 is back after 14 h: window 0, though it
        is the next day. By the calendar: p1 on the 2nd (23:00) and 3rd, p2 on the 2nd.""",
        "retention",
        world(
            *(("p1", "A", "01T20:00"), ("p1", "B", "02T23:00"), ("p1", "B", "03T22:00")),
            *(("p2", "A", "01T20:00"), ("p2", "B", "02T10:00")),
        ),
        [
            Asked(
                days("01", "01") | A_TO_B | {"periods": 3, "windows_24h": windows},
                {"03-01": row, "average": average},
                table,
            )
            for windows, row, average in ((True, [2, 1, 1], [1, 0.5, 0.5]), (False, [2, 2, 1], [1, 1, 0.5]))
        ],
    ),
    Worked(
        "windows of 24 hours are over a day later than days",
        """Row of the 1st; who begins at its very end has window k until (k + 1)·24 h after it: window 0 to the end of the 2nd, window 1
        to the end of the 3rd. At the first instant of the 3rd: window 0 is over, 1 is not; by the calendar days 0 and 1 are.""",
        "retention",
        world(("p1", "A", "01T20:00"), ("p1", "A", "02T20:00")),
        [
            Asked(
                days("01", "01") | A_TO_B | {"return": {"event": "A"}, "periods": 3, "windows_24h": windows},
                [(1, windows_over[0]), (1, windows_over[1]), (0, False)],
                lambda answer: [(cell["count"], cell["is_complete"]) for cell in answer["cohorts"][0]["values"]],
                at("03T00:00"),
            )
            for windows, windows_over in ((True, (True, False)), (False, (True, True)))
        ],
    ),
    Worked(
        "weeks over a change of the clock",
        """US/Pacific goes from −8 to −7 on Sunday, 8 March. A at 07:30 UTC of the 8th is Saturday the 7th, 23:30; B at 07:10 UTC of
        the 15th is Sunday, 00:10. Weeks from Sunday: 1st, 8th, 15th: column 2. From Monday: 2nd, 9th (until the 16th): column 1.
        The range begins on Wednesday the 4th and is moved back to the week's start, midnight = 08:00 UTC.""",
        "retention",
        world(("p1", "A", "08T07:30"), ("p1", "B", "15T07:10")),
        [
            Asked(
                {
                    **days("04", "07"),
                    **A_TO_B,
                    "interval": "week",
                    "periods": 3,
                    "time_zone": "US/Pacific",
                    "week_start": start,
                },
                {row: columns, "average": columns},
                table,
            )
            for start, row, columns in (("sunday", "03-01", [1, 0, 1]), ("monday", "03-02", [1, 1, 0]))
        ],
    ),
    Worked(
        "new, returning, resurrecting, dormant",
        """p1 is first seen on the 1st by an identify, which is no activity: on the 2nd not new, not there the day before: resurrecting.
        3rd: returning. 4th: dormant. 5th: resurrecting. p2 is new on the 2nd, dormant on the 3rd. p3 is first seen on the 4th by
        another event, so its first A on the 5th makes it resurrecting.
        Check: active 2, 1, 0, 2; −dormant = active before − returning: 0 − 0, 2 − 1, 1 − 0, 0 − 0.""",
        "lifecycle",
        world(
            *(
                ("p1", "identify", "01T10:00"),
                ("p1", "A", "02T10:00"),
                ("p1", "A", "03T10:00"),
                ("p1", "A", "05T10:00"),
            ),
            *(("p2", "A", "02T10:00"), ("p3", "X", "04T10:00"), ("p3", "A", "05T10:00")),
        ),
        [
            Asked(
                days("02", "05") | {"event": "A"},
                {
                    "intervals": days_of("03", "02", "03", "04", "05"),
                    "new": [1, 0, 0, 0],
                    "returning": [0, 1, 0, 0],
                    "resurrecting": [1, 0, 0, 2],
                    "dormant": [0, -1, -1, 0],
                },
            )
        ],
    ),
    Worked(
        "on how many days",
        """Shanghai is 8 h ahead. p1: the 1st (twice), 2nd, 3rd: three days. p2: 17:00 UTC of the 1st is 01:00 of the 2nd, 15:00 UTC
        of the 2nd is 23:00 of the 2nd: one day. p3: 1st and 3rd: two. p4: 16:00 UTC of the 3rd is the 4th: out.""",
        "stickiness",
        world(
            *(("p1", "A", "01T01:00"), ("p1", "A", "01T02:00"), ("p1", "A", "02T01:00"), ("p1", "A", "03T01:00")),
            *(("p2", "A", "01T17:00"), ("p2", "A", "02T15:00"), ("p3", "A", "01T01:00"), ("p3", "A", "03T01:00")),
            ("p4", "A", "03T16:00"),
        ),
        [Asked({**days("01", "03"), "time_zone": "Asia/Shanghai", "event": "A"}, {"periods": 3, "people": [1, 1, 1]})],
    ),
    Worked(
        "trailing days, not calendar weeks",
        """22 September (a Tuesday): the 7 days from the 16th have p1 and p2, the 30 from 24 August p3 as well; p4 (23 August) is past.
        Of the week 21–27 September the last day speaks: nobody on the 27th, p2 in 21–27, p1, p2, p3 in 29 August–27 September.""",
        "active-users",
        world(
            *(("p1", "A", "09-16T10:00"), ("p2", "A", "09-22T10:00"), ("p3", "A", "09-15T10:00")),
            ("p4", "A", "08-23T10:00"),
        ),
        [
            Asked(
                {"from": "2026-09-22", "to": "2026-09-22", "interval": "day"},
                {"intervals": days_of("09", "22"), "dau": [1], "wau": [2], "mau": [3], "stickiness": [1 / 3]},
            ),
            Asked(
                {"from": "2026-09-22", "to": "2026-09-27", "interval": "week", "week_start": "monday"},
                {"intervals": days_of("09", "21"), "dau": [0], "wau": [1], "mau": [3], "stickiness": [0]},
            ),
        ],
    ),
]
