"""Paths in plain words: in which order nodes are read, and how edges become an answer."""

import pytest

from opsloop_metrics.paths.rules import (
    Counted,
    Direction,
    Edge,
    Node,
    NodeField,
    Paths,
    Result,
    answered,
    as_table,
    without_slash,
)

COUNTED = [
    Counted("1_/", "2_/a", 3, 5, 3, 9, 2),
    Counted("1_/", "2_/b", 2, 5, 4, 9, 2),
    Counted("1_/c", "2_/b", 2, 4, 4, 9, 2),
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/帮助/", "/帮助"), ("//", "/"), ("", ""), ("a/b/", "a/b")],
)
def test_a_trailing_slash_is_dropped(path, expected):
    assert without_slash(path) == expected


@pytest.mark.parametrize(
    ("field", "direction", "expected"),
    [
        ("path", "forward", ("/a", "/b")),
        ("path", "backward", ("/b", "/a")),
        ("event", "forward", ("/a/", "/b/")),
        ("event", "backward", ("/b/", "/a/")),
    ],
)
def test_backward_reading_begins_at_the_end(field, direction, expected):
    seen = Paths(NodeField(field), direction=Direction(direction), start="/a/", end="/b/").seen()

    assert (seen.start, seen.end) == expected


def test_without_points_nothing_is_looked_for():
    seen = Paths(direction=Direction.BACKWARD).seen()

    assert (seen.start, seen.end, seen.is_backward) == (None, None, True)


def test_each_node_once_the_most_frequent_first_then_by_name():
    found = answered(COUNTED)

    assert found.edges == [Edge("1_/", "2_/a", 3), Edge("1_/", "2_/b", 2), Edge("1_/c", "2_/b", 2)]
    assert found.nodes == [Node("1_/", 5), Node("1_/c", 4), Node("2_/b", 4), Node("2_/a", 3)]


def test_a_table_has_a_row_an_edge():
    names, rows = as_table(answered(COUNTED))

    assert names == ["source", "target", "count"]
    assert rows[0] == ["1_/", "2_/a", 3]
    assert len(rows) == 3


def test_ends_are_no_edges_and_tell_how_many_sessions_there_were():
    ends = [Counted("1_/alone", "", 2, 2, 2, 9, 2), Counted("2_/a", "", 3, 3, 3, 9, 2)]

    found, nothing = answered([*COUNTED, *ends]), answered([])

    assert found == answered(COUNTED)
    assert (found.sessions, found.single) == (9, 2)
    assert answered(ends[:1]) == Result(9, 2, [], [])
    assert nothing == Result(0, 0, [], [])
