"""Funnels through the door where an event could serve several steps, or several events are of one time: worlds worked by hand."""

from __future__ import annotations

import pytest

HOUR, STRICT, UNORDERED = {"window": "PT1H"}, {"order": "strict"}, {"order": "unordered"}
SESSIONS = {"count_by": "sessions"}


def excluded(name: str) -> dict:
    return {"exclusions": [{"event": name, "from": 0, "to": 1}]}


def happened(story: str) -> list[tuple]:
    """Return events of a text such as `A0 Bx1`: a name, whether it is of source x, and minutes after noon."""
    found = []
    for word in story.split():
        is_of_x = word[1] == "x"
        found.append(("p", word[0], int(word[1 + is_of_x :]), {"utm_source": "x" if is_of_x else ""}))
    return found


def step(letter: str) -> dict:
    """Return a step: `*` any event, `x` any of source x, a small letter an optional one."""
    if letter == "x":
        return {"event": None, "where": [{"field": "utm_source", "op": "eq", "value": "x"}]}
    return {"event": None if letter == "*" else letter.upper(), "optional": letter.islower()}


# what happened, steps, counts, what else is asked
BY_HAND = {
    "a step again": ("A0 B1 A2", "ABA", [1, 1, 1], {}),
    "a step again, at one time": ("A0 A0 B0", "ABA", [1, 1, 1], {}),
    "one event is not twice": ("A0 B0", "ABA", [1, 1, 0], {}),
    "the window is of all three": ("A0 B30 A60", "ABA", [1, 1, 1], HOUR),
    "a moment later is not": ("A0 B30 A61", "ABA", [1, 1, 0], HOUR),
    "six steps of one event": ("A0 A0 A1 A1 A2 A3", "AAAAAA", [1] * 6, {}),
    "six steps, five events": ("A0 A0 A1 A1 A2", "AAAAAA", [1] * 5 + [0], {}),
    "seven steps are walked": ("A0 A0 A1 A1 A2 A3", "AAAAAAA", [1] * 6 + [0], {}),
    # B of x could be either step: alone it is the nearer
    "one event, two steps": ("A0 Bx1", "A*x", [1, 1, 0], {}),
    "the other leaves it to the second": ("A0 Bx1 B1", "A*x", [1, 1, 1], {}),
    "whichever serves most": ("Ax0 A0", "xA", [1, 1], {}),
    "both in one": ("Ax0", "xA", [1, 0], {}),
    "three that can all": ("Ax0 Ax0 Ax0", "xA*", [1, 1, 1], {}),
    "two of three that can all": ("Ax0 Ax0", "xA*", [1, 1, 0], {}),
    "a start that could be more": ("A0 Z0 B1", "A*B", [1, 1, 1], {}),
    "strict": ("A0 B1 A2", "ABA", [1, 1, 1], STRICT),
    "strict, something in between": ("A0 Z1 B2 A3", "ABA", [1, 0, 0], STRICT),
    "strict, something beside one in between": ("A0 B1 Z1 A2", "ABA", [1, 1, 0], STRICT),
    "strict, all of one time serve": ("A0 B1 A1 B2", "ABAB", [1, 1, 1, 1], STRICT),
    "strict, more than serve are in between": ("A0 B1 B1 A2", "ABA", [1, 1, 0], STRICT),
    "strict, two at the start": ("A0 A0 B1", "AAB", [1, 1, 1], STRICT),
    "strict, what is beside the start does not disturb": ("A0 A0 B1", "AB", [1, 1], STRICT),
    # with A and Z both at the start C disturbs, with A alone C is the second step
    "strict, fewer at the start lead further": ("A0 Z0 C1 B2", "A*B", [1, 1, 1], STRICT),
    "strict, the window": ("A0 B30 A61", "ABA", [1, 1, 0], STRICT | HOUR),
    "optional, beside the first": ("A0 O0 C1", "AoC", [1, 1, 1], {}),
    # of two starts that reach as far at once the later is the best chain's, which has no other A before C
    "optional, the first again is a later start": ("A0 A1 C2", "AaC", [1, 0, 1], {}),
    "optional, the first again behind the second": ("A0 B1 A2 C3", "ABaC", [1, 1, 1, 1], {}),
    "optional, the first again at its time": ("A0 A0 C2", "AaC", [1, 1, 1], {}),
    "optional, the first is no second": ("A0 C2", "AaC", [1, 0, 1], {}),
    "optional, before the last": ("A0 C2", "AcC", [1, 0, 1], {}),
    "optional, beside the last": ("A0 C2 C2", "AcC", [1, 1, 1], {}),
    "optional, one after the other": ("A0 O1 P2 C3", "AopC", [1, 1, 1, 1], {}),
    "optional, the wrong way round": ("A0 P1 O2 C3", "AopC", [1, 1, 0, 1], {}),
    "optional, behind the deepest": ("A0 O60", "AoC", [1, 1, 0], HOUR),
    "optional, behind the window": ("A0 O61", "AoC", [1, 0, 0], HOUR),
    "optional, of a step that nobody reached": ("A0 P1", "ABpC", [1, 0, 0, 0], {}),
    "excluded is a step: a later start is clean": ("A0 A1 B2", "AB", [1, 1], excluded("A")),
    "excluded is a step: the deepest is not": ("A0 A1 B61", "AB", [1, 1], excluded("A") | HOUR),
    "excluded in strict order": ("A0 B1 A2", "ABA", [1, 1, 1], excluded("X") | STRICT),
    "sessions, a step again": ("A0 B10 A20 A100 B110 A120", "ABA", [2, 2, 2], SESSIONS),
    "sessions, strict": ("A0 B1 A100 Z101 B102", "AB", [2, 1], SESSIONS | STRICT),
    "sessions, in any order": ("B0 A10 A100", "AB", [2, 1], SESSIONS | UNORDERED),
    "unordered, at one time": ("B0 A0", "AB", [1, 1], UNORDERED),
    "unordered, tainted": ("B0 X1 A2", "AB", [0, 0], UNORDERED | excluded("X")),
    "unordered, excluded beside the first": ("B0 X0 A2", "AB", [1, 1], UNORDERED | excluded("X")),
    "unordered, a later start": ("B0 A61 B70", "AB", [1, 1], UNORDERED | HOUR),
}  # fmt: skip


async def test_by_hand(funnels, subtests):
    found = await funnels.counts_of(
        {name: (happened(story), [*map(step, steps)], query) for name, (story, steps, _, query) in BY_HAND.items()}
    )

    for name, (_, _, counts, _) in BY_HAND.items():
        with subtests.test(name=name):
            assert found[name] == counts


@pytest.mark.parametrize(
    ("order", "attribution", "expected"),
    [
        ("ordered", {"attribution": "first"}, {"x": 1}),
        ("ordered", {"attribution": "last"}, {"y": 1}),
        ("strict", {"attribution": "step", "step": 1}, {"y": 1}),
        ("unordered", {"attribution": "first"}, {"y": 1}),
        ("unordered", {"attribution": "last"}, {"x": 1}),
        ("unordered", {"attribution": "step"}, {"y": 1}),
    ],
)
async def test_of_one_time_the_value_is_that_of_the_step_or_of_what_was_first(funnels, order, attribution, expected):
    # of one time B is before C, by its name
    x, y = {"utm_source": "x"}, {"utm_source": "y"}
    await funnels.happened(("p", "C", 0, x), ("p", "B", 0, y))

    found = await funnels.ask("C", "B", order=order, breakdown={"field": "utm_source"} | attribution)

    assert {each["value"]: each["steps"][1]["count"] for each in found["breakdown"]} == expected


@pytest.mark.parametrize("query", [STRICT, UNORDERED, {}])
async def test_of_two_events_that_could_serve_the_first_says_the_value(funnels, query):
    x, y = {"utm_source": "x"}, {"utm_source": "y"}
    await funnels.happened(
        ("p", "A", 0, y | {"message_id": "2"}), ("p", "A", 0, x | {"message_id": "1"}), ("p", "B", 1)
    )

    found = await funnels.ask("A", "B", breakdown={"field": "utm_source"}, **query)

    assert [each["value"] for each in found["breakdown"]] == ["x"]
