"""Funnels: exclusions, optional steps, ranges, breakdowns, what is counted."""

from __future__ import annotations

from tests.insights.by_hand.worked import Asked, Worked, at, counts, days, funnel, parts, step, steps, world

ONE_DAY = days("01", "01")
BY_SOURCE = ONE_DAY | {"steps": steps("A", "B")}

WORLDS = [
    Worked(
        "exclusions taint chains and take their people away",
        """X excluded between A and B. p1: A X B is tainted, and p1 is in no step. p2: the first chain is tainted, the second
        (10:03 to 10:05) as deep and clean: 120 s. p3: A X and never B: tainted. p4: X after B: clean, 60 s.
        p5: X at the time of A is not between: 60 s. So 3, 3; mean 240/3 = 80, median 60; 2 bins of (120 − 60)/2.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "X", "01T10:01"), ("p1", "B", "01T10:02")),
            *(("p2", "A", "01T10:00"), ("p2", "X", "01T10:01"), ("p2", "B", "01T10:02")),
            *(("p2", "A", "01T10:03"), ("p2", "B", "01T10:05")),
            *(("p3", "A", "01T10:00"), ("p3", "X", "01T10:01")),
            *(("p4", "A", "01T10:00"), ("p4", "B", "01T10:01"), ("p4", "X", "01T10:02")),
            *(("p5", "X", "01T10:00"), ("p5", "A", "01T10:00"), ("p5", "B", "01T10:01")),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B"), "exclusions": [{"event": "X", "from": 0, "to": 1}]},
                funnel(
                    [step("A", 3, 1, 1, 0), step("B", 3, 1, 1, 0, 80, 60)],
                    *(80, 60, (60, 90, 2), (90, 120, 0), (120, 150, 1)),
                ),
            )
        ],
    ),
    Worked(
        "an optional step blocks nobody",
        """A, perhaps O, B. p1 does all three, p2 leaves O out, p3 stops after O, p4 does O after B, too late. So 4, 2, 3:
        O and B are both measured against A. O: 60 s each; B: 120, 120, 60 since A: mean 100, median 120.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "O", "01T10:01"), ("p1", "B", "01T10:02")),
            *(("p2", "A", "01T10:00"), ("p2", "B", "01T10:02")),
            *(("p3", "A", "01T10:00"), ("p3", "O", "01T10:01")),
            *(("p4", "A", "01T10:00"), ("p4", "B", "01T10:01"), ("p4", "O", "01T10:02")),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "O?", "B")},
                funnel(
                    [
                        step("A", 4, 1, 1, 0),
                        step("O", 2, 0.5, 0.5, 2, 60, 60),
                        step("B", 3, 0.75, 0.75, 1, 100, 120),
                    ],
                    *(100, 120, (60, 90, 1), (90, 120, 0), (120, 150, 2)),
                ),
            )
        ],
    ),
    Worked(
        "who enters in the range may convert after it, and may still be on the way",
        """1 to 2 March, 7 days. p1 enters on the 2nd at 23:00 and converts 11 h = 39,600 s later, on the 3rd. p2 enters on the 1st
        at 10:00: until the 8th, 10:00, that instant included, it may still convert. p3 enters after the range, p4 before it.
        Asked for the range alone, p1's B is not seen, and what has not happened by its end no longer can.""",
        "funnel",
        world(
            *(("p1", "A", "02T23:00"), ("p1", "B", "03T10:00"), ("p2", "A", "01T10:00")),
            *(("p3", "A", "03T10:00"), ("p3", "B", "03T11:00"), ("p4", "A", "02-28T10:00"), ("p4", "B", "01T10:00")),
        ),
        [
            *(
                Asked(
                    days("01", "02") | {"steps": steps("A", "B"), "window": "P7D"},
                    funnel(
                        [step("A", 2, 1, 1, 0), step("B", 1, 0.5, 0.5, dropped, 39600, 39600, waiting=1 - dropped)],
                        *(39600, 39600, (39600, 39660, 1), (39660, 39720, 0)),
                    ),
                    now=now,
                )
                for now, dropped in ((at("08T10:00"), 0), (at("08T10:00:00.001"), 1))
            ),
            Asked(
                days("01", "02") | {"steps": steps("A", "B"), "window": "P7D", "mode": "range"},
                funnel([step("A", 2, 1, 1, 0), step("B", 0, 0, 0, 2)]),
                now=at("05T00:00"),
            ),
        ],
    ),
    Worked(
        "whose value a conversion counts under",
        """p1: A ad, B mail; p2: A without, B ad; p3: A null, B empty: no value; p4: A mail alone.
        First: ad, ad, none, mail. Last: mail, ad, none, mail. At A: ad, none, none, mail. At B: mail, ad, none, and p4 is out.
        All: funnel of ad: p1's A; of mail: p4's A (p1's B is no start); of none: p2's A, and p3's A and B.
        The most first, equals by text, what is over the limit together.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00", {"source": "ad"}), ("p1", "B", "01T10:01", {"source": "mail"})),
            *(("p2", "A", "01T10:00"), ("p2", "B", "01T10:01", {"source": "ad"})),
            *(("p3", "A", "01T10:00", {"source": None}), ("p3", "B", "01T10:01", {"source": ""})),
            ("p4", "A", "01T10:00", {"source": "mail"}),
        ),
        [
            Asked(BY_SOURCE | {"breakdown": {"field": "properties.source", **more}}, expected, parts)
            for more, expected in (
                ({}, [("ad", [2, 2]), ("$none", [1, 1]), ("mail", [1, 0])]),
                ({"limit": 1}, [("ad", [2, 2]), ("$other", [2, 1])]),
                ({"attribution": "last"}, [("mail", [2, 1]), ("$none", [1, 1]), ("ad", [1, 1])]),
                ({"attribution": "step", "step": 0}, [("$none", [2, 2]), ("ad", [1, 1]), ("mail", [1, 0])]),
                ({"attribution": "step", "step": 1}, [("$none", [1, 1]), ("ad", [1, 1]), ("mail", [1, 1])]),
                ({"attribution": "all"}, [("$none", [2, 1]), ("ad", [1, 0]), ("mail", [1, 0])]),
            )
        ],
    ),
    Worked(
        "by users, sessions, totals",
        """A 10:00, A 10:10, B 10:20, A 12:00, B 12:45. Users: 1, 1. Sessions: {A A B}, {A}, {B} (100 and 45 minutes of nothing
        between): two have an A, one of them a B. Totals: 10:10 to 10:20 first, then 12:00 to 12:45, then the A of 10:00 alone: 3, 2.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "A", "01T10:10"), ("p1", "B", "01T10:20")),
            *(("p1", "A", "01T12:00"), ("p1", "B", "01T12:45")),
        ),
        [
            Asked(ONE_DAY | {"steps": steps("A", "B"), "count_by": by}, expected, counts)
            for by, expected in (("users", [1, 1]), ("sessions", [2, 1]), ("totals", [3, 2]))
        ],
    ),
    Worked(
        "the bins of the time to convert",
        """2,220, 2,220 and 82,800 s: mean 87,240/3 = 29,080, median 2,220; ⌈∛3⌉ = 2 bins of (82,800 − 2,220)/2 = 40,290, and one
        more that begins with the longest.""",
        "funnel",
        world(
            *(("p1", "A", "01T00:00"), ("p1", "B", "01T00:37"), ("p2", "A", "01T00:00"), ("p2", "B", "01T00:37")),
            *(("p3", "A", "01T00:00"), ("p3", "B", "01T23:00")),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B")},
                funnel(
                    [step("A", 3, 1, 1, 0), step("B", 3, 1, 1, 0, 29080, 2220)],
                    *(29080, 2220, (2220, 42510, 2), (42510, 82800, 0), (82800, 123090, 1)),
                ),
            )
        ],
    ),
    Worked(
        "an optional step can be waited for only while the next step is not done",
        """A, perhaps O, B, within an hour; asked at 10:30. p1 has done A: O and B may follow. p2 has done A and B: O was left out for
        good. p3 entered at 09:00: its hour is over. O: 0 done, of 3 p1 waits, 2 dropped. B: 1 of 3, p1 waits, p3 dropped.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p2", "A", "01T10:00"), ("p2", "B", "01T10:01")),
            ("p3", "A", "01T09:00"),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "O?", "B"), "window": "PT1H"},
                funnel(
                    [
                        step("A", 3, 1, 1, 0),
                        step("O", 0, 0, 0, 2, waiting=1),
                        step("B", 1, 1 / 3, 1 / 3, 1, 60, 60, waiting=1),
                    ],
                    *(60, 60, (60, 120, 1), (120, 180, 0)),
                ),
                now=at("01T10:30"),
            )
        ],
    ),
]
