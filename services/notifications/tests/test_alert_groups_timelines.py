"""When groups of alerts are told of: timelines computed by hand from Alertmanager's rules, and a second writing of those rules.

A line says what happens (`+a` fires, `-a` ends, `~a` is silenced, `^a` is heard again) at which second, and what the receiver gets.
Unless it says otherwise, a group waits 30 s, is looked at every 300 s and told of again after 900 s.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.alert_groups.rules import Flush, Logged, Reason, decide, first_look, flush, next_look

ZERO = datetime(2026, 11, 22, tzinfo=UTC)
WORDS = {
    Reason.FIRST: "first",
    Reason.NEW_ALERTS: "new",
    Reason.ALL_RESOLVED: "over",
    Reason.NEW_RESOLVED: "resolved",
    Reason.REPEAT: "repeat",
}


def at(second):
    return ZERO + timedelta(seconds=second)


class Group:
    """One group with one receiver, looked at second by second as the service does it row by row."""

    def __init__(self, *, wait=30, interval=300, repeat=900, send_resolved=True):
        self.wait, self.interval = timedelta(seconds=wait), timedelta(seconds=interval)
        self.asked = {"repeat_interval": timedelta(seconds=repeat), "send_resolved": send_resolved}
        self.ends, self.silent, self.logged, self.look, self.sent = {}, set(), None, None, []

    def happen(self, second, what):
        sign, name = what[0], what[1:]
        match sign:
            case "+":
                name, _, age = name.partition("@")  # a@50: it has fired for 50 s elsewhere
                if self.look is None:
                    self.look = first_look(at(second - int(age or 0)), at(second), self.wait)
                self.ends[name] = None
            case "-" if name in self.ends and self.ends[name] is None:
                self.ends[name] = second
            case "~":
                self.silent.add(name)
            case "^":
                self.silent.discard(name)

    def pass_by(self, second):
        if self.look is None or self.look > at(second):
            return
        heard = {name: self.ends[name] is None for name in sorted(self.ends) if name not in self.silent}
        found = flush(heard, self.logged, self.look, **self.asked)
        self.logged = found.logged
        if found.told:
            said = "".join(("+" if self.ends[name] is None else "-") + name for name in found.told)
            self.sent.append(f"{second} {WORDS[found.reason]} {said}")
        self.ends = {name: end for name, end in self.ends.items() if end is None}
        self.look = next_look(self.look, at(second), self.interval) if self.ends else None


def told(happenings, until=2500, **options):
    group = Group(**options)
    by_second = {}
    for part in happenings.split(";"):
        second, *what = part.split()
        by_second.setdefault(int(second), []).extend(what)
    for second in range(until):
        for what in by_second.get(second, ()):
            group.happen(second, what)
        group.pass_by(second)
    return group.sent


TIMELINES = [
    # looks at 30, 330, 630, 930, 1230, 1530, 1830 …
    ("waits for the others", "0 +a; 10 +b; 29 +c", ["30 first +a+b+c", "930 repeat +a+b+c", "1830 repeat +a+b+c"], {}),
    ("what fires at the look itself is in it", "0 +a; 30 +b; 31 -a -b", ["30 first +a+b", "330 over -a-b"], {}),
    ("what ends before the first look is never told", "0 +a; 20 -a", [], {}),
    ("what ends at the first look is never told", "0 +a; 30 -a", [], {}),
    ("one ends before the first look, one does not: told with it", "0 +a +b; 20 -a; 40 -b", ["30 first -a+b", "330 over -b"], {}),
    ("an end waits for its look", "0 +a; 31 -a", ["30 first +a", "330 over -a"], {}),
    ("an end at a look is in it", "0 +a; 330 -a", ["30 first +a", "330 over -a"], {}),
    ("an end just after a look waits for the next", "0 +a; 331 -a", ["30 first +a", "630 over -a"], {}),
    ("a newcomer waits for its look, no group_wait", "0 +a; 31 +b; 340 -a -b", ["30 first +a", "330 new +a+b", "630 over -a-b"], {}),
    ("one of two ends", "0 +a +b; 100 -a; 400 -b", ["30 first +a+b", "330 resolved -a+b", "630 over -b"], {}),
    ("resolved is told once", "0 +a +b; 100 -a; 1000 -b", ["30 first +a+b", "330 resolved -a+b", "1230 over -b"], {}),
    # told at 330, so the repeat is at 330 + 900 = 1230, not at 930
    ("a newcomer puts the repeat off", "0 +a; 31 +b; 1300 -a -b",
     ["30 first +a", "330 new +a+b", "1230 repeat +a+b", "1530 over -a-b"], {}),
    # 800 is no multiple of 300: 30 + 800 = 830 -> 930
    ("repeat is rounded up to looks", "0 +a; 1000 -a", ["30 first +a", "930 repeat +a", "1230 over -a"], {"repeat": 800}),
    # 901 -> 931 -> 1230
    ("… also by one second", "0 +a; 1300 -a", ["30 first +a", "1230 repeat +a", "1530 over -a"], {"repeat": 901}),
    ("a repeat shorter than the interval comes at each look", "0 +a; 700 -a",
     ["30 first +a", "330 repeat +a", "630 repeat +a", "930 over -a"], {"repeat": 1}),
    # fires again within the same interval: {a} is in the log, nothing has ended at the look
    ("flapping between two looks is not seen", "0 +a; 100 -a; 200 +a; 400 -a", ["30 first +a", "630 over -a"], {}),
    ("flapping that ends at a look", "0 +a; 100 -a; 200 +a; 300 -a", ["30 first +a", "330 over -a"], {}),
    # over at 330: the group is gone, so 400 begins a new one, with group_wait: 430
    ("a new group after the end", "0 +a; 100 -a; 400 +a; 500 -a", ["30 first +a", "330 over -a", "430 first +a", "730 over -a"], {}),
    ("another alert in a new group", "0 +a; 100 -a; 400 +b; 500 -b", ["30 first +a", "330 over -a", "430 first +b", "730 over -b"], {}),
    ("fires and ends between looks beside one that fires: told as ended", "0 +a; 40 +b; 50 -b; 400 -a",
     ["30 first +a", "330 resolved +a-b", "630 over -a"], {}),
    # without send_resolved: the end empties the log silently, so that it is new at 430
    ("no resolved: the end is not told", "0 +a; 100 -a; 400 +a; 500 -a", ["30 first +a", "430 first +a"], {"send_resolved": False}),
    ("no resolved: one of two ends, nothing", "0 +a +b; 100 -a; 600 -b", ["30 first +a+b"], {"send_resolved": False}),
    ("no resolved: repeats go on with what fires", "0 +a +b; 100 -a; 1000 -b",
     ["30 first +a+b", "930 repeat +b"], {"send_resolved": False}),
    ("silent from the start: nothing", "0 ~a +a; 600 -a", [], {}),
    ("heard again: told at the next look", "0 ~a +a; 100 ^a; 400 -a", ["330 first +a", "630 over -a"], {}),
    # at 330 nothing is heard and the log stays {a}; at 630 {a} is in the log and 300 s old: nothing; 930: repeat
    ("silenced for a look: no word, no second first", "0 +a; 100 ~a; 400 ^a; 1000 -a",
     ["30 first +a", "930 repeat +a", "1230 over -a"], {}),
    ("one of two silenced: the other ends", "0 +a +b; 100 ~a; 200 -b; 700 -a", ["30 first +a+b", "330 over -b"], {}),
    ("what ends while it is silent is not told", "0 +a; 100 ~a; 200 -a", ["30 first +a"], {}),
    # it has fired for 50 s elsewhere, longer than group_wait: at once
    ("what has waited elsewhere waits no more", "0 +a@50; 10 -a", ["0 first +a", "300 over -a"], {}),
    ("… but not what waited as long as it must", "0 +a@30; 40 -a", ["30 first +a", "330 over -a"], {}),
    ("no wait at all", "0 +a; 10 -a", ["0 first +a", "300 over -a"], {"wait": 0}),
    ("two go, one comes", "0 +a +b; 100 -a -b +c; 400 -c", ["30 first +a+b", "330 new -a-b+c", "630 over -c"], {}),
    ("all end and another fires later in the group", "0 +a +b; 100 -a; 350 +a; 800 -a -b",
     ["30 first +a+b", "330 resolved -a+b", "630 new +a+b", "930 over -a-b"], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("happenings", "expected", "options"), [line[1:] for line in TIMELINES], ids=[line[0] for line in TIMELINES]
)
def test_timeline(happenings, expected, options):
    assert told(happenings, **options) == expected


def test_a_look_that_comes_late_keeps_the_grid():
    # planned for 30; the process was down until 700: the next looks are at 930, 1230, not at 1000
    assert next_look(at(30), at(30), timedelta(seconds=300)) == at(330)
    assert next_look(at(30), at(700), timedelta(seconds=300)) == at(930)
    assert next_look(at(30), at(630), timedelta(seconds=300)) == at(930)
    assert next_look(at(30), at(20), timedelta(seconds=300)) == at(330)


NAMES = st.frozensets(st.sampled_from("abcd"))
ENTRIES = st.none() | st.builds(lambda firing, resolved, age: (firing, resolved, age), NAMES, NAMES, st.integers(0, 20))


def reference(entry, firing, resolved, repeat, send_resolved):
    """Say whether to send, written from the words of the rules and not from the code: a table of questions, the first yes counts."""
    known = entry is not None
    was_firing, was_resolved, age = entry if known else (set(), set(), 0)
    answers = [
        (not known, len(firing) > 0),
        (any(name not in was_firing for name in firing), True),
        (len(firing) == 0, len(was_firing) > 0),
        (send_resolved and any(name not in was_resolved for name in resolved), True),
        (True, age >= repeat),
    ]
    return next(answer for question, answer in answers if question)


@given(ENTRIES, NAMES, NAMES, st.integers(1, 20), st.booleans())
def test_decisions_are_those_of_a_second_writing(entry, firing, resolved, repeat, send_resolved):
    resolved -= firing
    logged = None if entry is None else Logged(entry[0], entry[1], at(-entry[2]))

    reason = decide(
        logged, firing, resolved, at(0), repeat_interval=timedelta(seconds=repeat), send_resolved=send_resolved
    )

    assert (reason is not None) == reference(entry, firing, resolved, repeat, send_resolved)


HAPPENINGS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from("+-"), st.sampled_from("abc")), max_size=25)


@given(HAPPENINGS)
def test_who_listens_knows_what_fires(happenings):
    """After the last look the receiver's picture is the truth, and nothing is told twice in a row."""
    group = Group(wait=2, interval=5, repeat=10_000)
    line = sorted(happenings, key=lambda one: one[0])
    for second in range(80):
        for _, sign, name in (one for one in line if one[0] == second):
            group.happen(second, sign + name)
        group.pass_by(second)
    firing = {name for name, end in group.ends.items() if end is None}
    picture = set()
    for _, _, said in (message.split() for message in group.sent):
        for sign, name in zip(said[::2], said[1::2], strict=True):
            picture = picture | {name} if sign == "+" else picture - {name}
    assert picture == firing
    assert [message.split()[2] for message in group.sent if message.split()[1] == "repeat"] == []
    pairs = list(zip(group.sent, group.sent[1:], strict=False))
    assert not [pair for pair in pairs if pair[0].split()[2] == pair[1].split()[2]]


def test_a_look_at_nothing_says_nothing():
    logged = Logged(frozenset("a"), frozenset(), at(0))
    asked = {"repeat_interval": timedelta(0), "send_resolved": True}

    assert flush({}, logged, at(9), **asked) == Flush(None, (), logged)
