"""Funnels: orders, windows, which chain counts."""

from __future__ import annotations

from tests.insights.by_hand.worked import Asked, Worked, counts, days, funnel, step, steps, world

ONE_DAY = days("01", "01")

WORLDS = [
    Worked(
        "one timestamp serves two steps",
        """Both B of 10:01 count, one each (an old complaint about funnels): A 10:00, B 10:01, B 10:01. Complete at 10:01:
        60 s to the first B, 0 s to the second, 60 s in all. One time: ⌈∛1⌉ = 1 bin of width 0, so 60, and one more.""",
        "funnel",
        world(("p1", "A", "01T10:00"), ("p1", "B", "01T10:01"), ("p1", "B", "01T10:01"), ("p1", "B", "01T10:02")),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B", "B")},
                funnel(
                    [step("A", 1, 1, 1, 0), step("B", 1, 1, 1, 0, 60, 60), step("B", 1, 1, 1, 0, 0, 0)],
                    *(60, 60, (60, 120, 1), (120, 180, 0)),
                ),
            )
        ],
    ),
    Worked(
        "one event serves one step",
        """Step 1 is any event, step 2 is pay. p1's only pay is step 1 and cannot be step 2 as well; p2 pays again after 300 s.
        So 2 and 1; ClickHouse's windowFunnel says 2 and 2.""",
        "funnel",
        world(("p1", "pay", "01T10:00"), ("p2", "pay", "01T10:00"), ("p2", "pay", "01T10:05")),
        [
            Asked(
                ONE_DAY | {"steps": steps(None, "pay")},
                funnel(
                    [step("*", 2, 1, 1, 0), step("pay", 1, 0.5, 0.5, 1, 300, 300)],
                    *(300, 300, (300, 360, 1), (360, 420, 0)),
                ),
            )
        ],
    ),
    Worked(
        "strict: nothing in between",
        """Strict. p1: X stands between A and B: depth 1. p2: the first A is disturbed by the second, which goes on to B and C:
        60 + 60 s. p3: X at the time of B does not disturb A, B, yet stands between A (00) and C (02): depth 2.
        p4: X at the time of A does not disturb; A, B, then the second B stands before C: depth 2. So 4, 3, 1.
        Ordered, all are complete: A to B 120, 60, 60, 60 (mean 75, median 60); B to C 60, 60, 60, 120 (p4: its first B);
        in all 180, 120, 120, 180: mean and median 150; ⌈∛4⌉ = 2 bins of (180 − 120)/2 = 30, and one more.""",
        "funnel",
        world(
            *(("p1", name, f"01T10:0{minute}") for minute, name in enumerate("AXBC")),
            *(("p2", name, f"01T10:0{minute}") for minute, name in enumerate("AABC")),
            *(("p3", name, f"01T10:0{minute}") for name, minute in (("A", 0), ("B", 1), ("X", 1), ("C", 2))),
            *(("p4", name, f"01T10:0{minute}") for name, minute in (("X", 0), ("A", 0), ("B", 1), ("B", 2), ("C", 3))),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B", "C"), "order": "strict"},
                funnel(
                    [
                        step("A", 4, 1, 1, 0),
                        step("B", 3, 0.75, 0.75, 1, 60, 60),
                        step("C", 1, 0.25, 1 / 3, 2, 60, 60),
                    ],
                    *(120, 120, (120, 180, 1), (180, 240, 0)),
                ),
            ),
            Asked(
                ONE_DAY | {"steps": steps("A", "B", "C"), "order": "ordered"},
                funnel(
                    [step("A", 4, 1, 1, 0), step("B", 4, 1, 1, 0, 75, 60), step("C", 4, 1, 1, 0, 75, 60)],
                    *(150, 150, (120, 150, 2), (150, 180, 0), (180, 210, 2)),
                ),
            ),
        ],
    ),
    Worked(
        "the window reaches from the first to the last step, inclusive",
        """Five minutes. p1: C at 10:05 exactly is in. p2: a millisecond later is out. p3: 4 minutes and 4 minutes are 8: out.
        p4: too late for its first A, in time for its second (10:04 to 10:06). So 4, 4, 2.
        A to B: 120, 120, 240, 90: mean 570/4 = 142.5, median 120. B to C: 180, 30. In all 300, 120: ⌈∛2⌉ = 2 bins of 90.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "B", "01T10:02"), ("p1", "C", "01T10:05")),
            *(("p2", "A", "01T10:00"), ("p2", "B", "01T10:02"), ("p2", "C", "01T10:05:00.001")),
            *(("p3", "A", "01T10:00"), ("p3", "B", "01T10:04"), ("p3", "C", "01T10:08")),
            *(("p4", "A", "01T10:00"), ("p4", "A", "01T10:04"), ("p4", "B", "01T10:05:30"), ("p4", "C", "01T10:06")),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B", "C"), "window": "PT5M"},
                funnel(
                    [
                        step("A", 4, 1, 1, 0),
                        step("B", 4, 1, 1, 0, 142.5, 120),
                        step("C", 2, 0.5, 0.5, 2, 105, 105),
                    ],
                    *(210, 210, (120, 210, 1), (210, 300, 0), (300, 390, 1)),
                ),
            )
        ],
    ),
    Worked(
        "times are of the earliest completion and the latest start before it",
        """p1 completes first at 10:20; of the starts 10:00 and 10:10 the later counts: 600 s, and neither 1,200 nor the 1,800 of the
        second round. p2: 300 s; its second A leads nowhere and changes nothing. Mean and median 450; 2 bins of 150.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "A", "01T10:10"), ("p1", "B", "01T10:20")),
            *(("p1", "A", "01T10:30"), ("p1", "B", "01T11:00")),
            *(("p2", "A", "01T10:00"), ("p2", "B", "01T10:05"), ("p2", "A", "01T10:07")),
        ),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B")},
                funnel(
                    [step("A", 2, 1, 1, 0), step("B", 2, 1, 1, 0, 450, 450)],
                    *(450, 450, (300, 450, 1), (450, 600, 0), (600, 750, 1)),
                ),
            )
        ],
    ),
    Worked(
        "unordered: as many steps as one window holds",
        """One day. p1: C, A: two. p2: B, C, A an hour apart: three. p3: A twice is one step. p4: B two days after A: one.
        So 4, 2, 1. Second step: 1,800 and 3,600 s after the first; third: 3,600 after the second; in all 7,200.""",
        "funnel",
        world(
            *(("p1", "C", "01T10:00"), ("p1", "A", "01T10:30")),
            *(("p2", "B", "01T09:00"), ("p2", "C", "01T10:00"), ("p2", "A", "01T11:00")),
            *(("p3", "A", "01T10:00"), ("p3", "A", "01T10:10")),
            *(("p4", "A", "01T10:00"), ("p4", "B", "03T10:00")),
        ),
        [
            Asked(
                days("01", "03") | {"steps": steps("A", "B", "C"), "order": "unordered", "window": "P1D"},
                funnel(
                    [
                        step("Completed 1 step", 4, 1, 1, 0),
                        step("Completed 2 steps", 2, 0.5, 0.5, 2, 2700, 2700),
                        step("Completed 3 steps", 1, 0.25, 0.5, 1, 3600, 3600),
                    ],
                    *(7200, 7200, (7200, 7260, 1), (7260, 7320, 0)),
                ),
            )
        ],
    ),
    Worked(
        "an event of one timestamp serves where it is needed",
        """At 10:01 p1 has an event that is B and C (buy, big) and one that is B alone (buy, small): small serves B, so that big
        may serve C, and C is done. p2 has the big one alone: B, and no C.""",
        "funnel",
        world(
            *(("p1", "A", "01T10:00"), ("p1", "buy", "01T10:01", {"big": True}), ("p1", "buy", "01T10:01")),
            *(("p2", "A", "01T10:00"), ("p2", "buy", "01T10:01", {"big": True})),
        ),
        [
            Asked(
                ONE_DAY
                | {
                    "steps": [
                        *steps("A", "buy"),
                        {"event": "buy", "where": [{"field": "properties.big", "op": "eq", "value": True}]},
                    ]
                },
                [2, 2, 1],
                counts,
            )
        ],
    ),
    Worked(
        "strict: what happens at the first instant may have happened before step 1",
        """A and B at 10:00, B at 10:01, C at 10:02. If the first B served, the second would stand before C. It need not: it may have
        come before A. So A 10:00, B 10:01, C 10:02: 60 s each, 120 in all.""",
        "funnel",
        world(("p1", "A", "01T10:00"), ("p1", "B", "01T10:00"), ("p1", "B", "01T10:01"), ("p1", "C", "01T10:02")),
        [
            Asked(
                ONE_DAY | {"steps": steps("A", "B", "C"), "order": "strict"},
                funnel(
                    [step("A", 1, 1, 1, 0), step("B", 1, 1, 1, 0, 60, 60), step("C", 1, 1, 1, 0, 60, 60)],
                    *(120, 120, (120, 180, 1), (180, 240, 0)),
                ),
            )
        ],
    ),
]
