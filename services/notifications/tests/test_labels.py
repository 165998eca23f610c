"""Labels: what names them, matchers, expressions in linear time, and who inhibits whom."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.labels.rules import (
    BadPattern,
    Inhibition,
    Matcher,
    MatchOp,
    all_match,
    fingerprint,
    fits,
    inhibited,
    is_name,
    needs_something,
    read_matchers,
    require_pattern,
    without_empty,
)

# of prometheus/common's own test of fingerprints
KNOWN = [({}, 14695981039346656037), ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346)]


@pytest.mark.parametrize(("labels", "expected"), KNOWN)
def test_fingerprints_are_those_of_prometheus(labels, expected):
    assert fingerprint(labels) == f"{expected:016x}"
    assert fingerprint(dict(reversed(labels.items()))) == f"{expected:016x}"


def test_names_and_values_cannot_be_taken_for_each_other():
    assert fingerprint({"ab": "c"}) != fingerprint({"a": "bc"})
    assert fingerprint({"a": "b", "c": "d"}) != fingerprint({"a": "b\xffc\xffd"})
    assert without_empty({"a": "", "b": "x"}) == {"b": "x"}
    assert [is_name(name) for name in ("a", "_a1", "", "1a", "a-b", "a\n", "é")] == [
        True,
        True,
        False,
        False,
        False,
        False,
        False,
    ]


MATCHES = [
    ("=", "x", "x", True),
    ("=", "x", "xy", False),
    ("=", "", None, True),
    ("!=", "x", None, True),
    ("!=", "", None, False),
    ("=~", "x|y", "y", True),
    ("=~", "x", "xy", False),
    ("=~", ".*", None, True),
    ("=~", ".+", None, False),
    ("!~", "x.*", "xyz", False),
    ("!~", "x", "xy", True),
    ("=~", "a.b", "a\nb", True),
    ("=~", "(?i)ABC", "abc", True),
    ("=~", r"\d+", "123", True),
    ("=~", r"\d+", "١٢", False),
    ("=~", r"[\w-]+", "a-b_1", True),
    ("=~", r"\w", "é", False),
    ("=~", r"a\.b", "axb", False),
    ("=~", "^a$", "a", True),
    ("=~", "支付.*", "支付失败", True),
]


@pytest.mark.parametrize(("op", "value", "found", "expected"), MATCHES)
def test_a_matcher(op, value, found, expected):
    matcher = Matcher("l", MatchOp(op), value)
    assert matcher.matches({} if found is None else {"l": found}) is expected
    assert read_matchers([matcher.kept()]) == (matcher,)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "a)|(b",
        "[",
        r"\p{Foo}",
        r"(?P<n>",
        "x" * 201,
        "a{1001}",
        "(a{20}){40}",
        "(.{1,10}){10}b",
        r"a\Z",
        "(?=a)",
        r"(a)\1",
        "*",
    ],
)
def test_what_is_no_expression(pattern):
    with pytest.raises(BadPattern):
        require_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b", "(a*)*b", ".*.*.*.*.*b", "(a|aa)+$", r"(\w+\s?)*!", "(.{1,10}){3}b"]
)
def test_expressions_take_linear_time(pattern):
    require_pattern(pattern)
    taken = []
    for length in (500, 1_000):
        begun = time.process_time()
        fits(pattern, "a" * length)
        taken.append(time.process_time() - begun)
    assert max(taken) < 0.1


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_pattern_ends(pattern, text):
    with suppress(BadPattern):
        require_pattern(pattern)
        fits(pattern, text)


def test_all_must_match_and_something_must_be_asked():
    a, b = Matcher("a", MatchOp.IS, "1"), Matcher("b", MatchOp.IS_NOT, "1")
    assert all_match([a, b], {"a": "1"})
    assert not all_match([a, b], {"a": "1", "b": "1"})
    assert all_match([], {"a": "1"})
    assert needs_something([a, b])
    assert not needs_something([b])
    assert not needs_something([Matcher("a", MatchOp.FITS, ".*")])


def severity(value):
    return (Matcher("severity", MatchOp.IS, value),)


CRITICAL, WARNING = severity("critical"), severity("warning")
C, W, W2 = (
    {"severity": "critical", "kpi": "a"},
    {"severity": "warning", "kpi": "a"},
    {"severity": "warning", "kpi": "b"},
)


def test_a_critical_one_keeps_warnings_of_the_same_quiet():
    rule = Inhibition(CRITICAL, WARNING, ("kpi",))

    assert inhibited({"c": C, "w": W, "v": W2}, {"c": C, "w": W, "v": W2}, [rule]) == {"w"}
    assert inhibited({"w": W}, {"w": W}, [rule]) == frozenset()
    assert inhibited({"w": W}, {"c": C}, [Inhibition(CRITICAL, WARNING, ())]) == {"w"}


def test_missing_labels_are_equal():
    rule = Inhibition(CRITICAL, WARNING, ("cluster", "zone"))

    assert inhibited({"w": W}, {"c": C, "w": W}, [rule]) == {"w"}
    assert inhibited({"w": W | {"zone": "x"}}, {"c": C}, [rule]) == frozenset()
    assert inhibited({"w": W | {"zone": ""}}, {"c": C}, [rule]) == {"w"}


def test_nothing_keeps_itself_quiet_nor_two_each_other():
    both = (Matcher("kpi", MatchOp.IS, "a"),)
    rule = Inhibition(both, both, ())

    assert inhibited({"c": C, "w": W}, {"c": C, "w": W}, [rule]) == frozenset()
    # one that is a source alone does
    mixed = Inhibition((Matcher("kpi", MatchOp.FITS, "a|b"),), both, ())
    assert inhibited({"c": C, "w": W, "v": W2}, {"c": C, "w": W, "v": W2}, [mixed]) == {"c", "w"}


LABELS = st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"), max_size=2)
ASKED = st.lists(
    st.builds(
        Matcher, st.sampled_from("xy"), st.sampled_from([MatchOp.IS, MatchOp.IS_NOT]), st.sampled_from(["1", ""])
    ),
    max_size=2,
).map(tuple)


@given(st.lists(LABELS, max_size=6), ASKED, ASKED, st.sampled_from([(), ("x",), ("x", "y")]))
def test_inhibition_is_that_of_a_second_writing(labels, source, target, equal):
    alerts = {str(number): one for number, one in enumerate(labels)}
    expected = set()
    for id, one in alerts.items():
        for other in alerts.values():
            if not (all_match(target, one) and all_match(source, other)):
                continue
            if any(one.get(name, "") != other.get(name, "") for name in equal):
                continue
            if all_match(source, one) and all_match(target, other):
                continue
            expected.add(id)

    assert inhibited(alerts, alerts, [Inhibition(source, target, equal)]) == expected


HOSTILE = [
    "\n",
    "\u2028",
    "'; DROP TABLE alert; --",
    "%",
    "_",
    "\\",
    "$",
    "^",
    "(",
    "支付",
    "🔥",
    "\u202e",
    "x" * 1_000,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_values_are_only_values(value):
    same = Matcher("l", MatchOp.IS, value)

    assert same.matches({"l": value})
    assert not same.matches({"l": f"{value}x"})
    assert Matcher("l", MatchOp.FITS, ".*").matches({"l": value})
    assert Matcher("l", MatchOp.FITS, ".+").matches({"l": value})
    assert read_matchers([same.kept()]) == (same,)
    assert fingerprint({"l": value}) != fingerprint({"l": f"{value}x"})
