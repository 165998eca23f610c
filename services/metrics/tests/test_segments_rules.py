"""What a refresh changes and tells."""

from __future__ import annotations

from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.segments import rules
from opsloop_metrics.segments.rules import Difference, SegmentKind, difference

A, B, C, D, E = (UUID(int=number) for number in range(1, 6))
NONE: dict[UUID, str] = {}


@pytest.mark.parametrize(
    ("held", "wanted", "living", "expected"),
    [
        (NONE, [], NONE, Difference()),
        (NONE, [A, B], {A: "a", B: "b"}, Difference(entering={A: "a", B: "b"})),
        ({A: "a"}, [A], {A: "a"}, Difference()),
        ({A: "a"}, [], {A: "a"}, Difference(leaving={A: "a"})),
        ({A: "old"}, [], {A: "new"}, Difference(leaving={A: "new"})),
        ({A: "old"}, [A], {A: "new"}, Difference(renamed={A: "new"})),
        # who is not there at all does not come in, and goes without a word
        (NONE, [A], NONE, Difference()),
        ({A: "a"}, [A], NONE, Difference(gone=frozenset({A}))),
        ({A: "a"}, [], {B: "b"}, Difference(gone=frozenset({A}))),
        (
            {A: "a", B: "b", C: "c"},
            [B, C, D, E],
            {A: "a", B: "bb", C: "c", D: "d"},
            Difference(entering={D: "d"}, leaving={A: "a"}, renamed={B: "bb"}),
        ),
    ],
)
def test_what_a_bucket_changes(held, wanted, living, expected):
    assert difference(held, wanted, living) == expected


some = st.dictionaries(st.sampled_from([A, B, C, D, E]), st.sampled_from("xyz"))


@given(some, st.sets(st.sampled_from([A, B, C, D, E])), some)
def test_after_it_there_are_those_who_were_wanted_and_are_there(held, wanted, living):
    found = difference(held, wanted, living)

    after = {who: held[who] for who in held if who not in found.leaving and who not in found.gone}
    after |= found.entering | found.renamed
    assert after == {who: living[who] for who in wanted & living.keys()}
    assert not found.entering.keys() & held.keys()
    assert found.leaving.keys() <= held.keys() & living.keys()
    assert difference(after, wanted, living) == Difference()


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1_200, [500, 500, 200])]
)
def test_ids_are_told_500_at_a_time_in_order(count, sizes):
    ids = [f"u{number:05}" for number in range(count)]

    found = list(rules.chunks(reversed(ids)))

    assert [len(each) for each in found] == sizes
    assert [id for each in found for id in each] == ids


@pytest.mark.parametrize("letter", ["😀", "\x01", '"'])
def test_long_ids_make_shorter_chunks_that_an_event_has_room_for(letter):
    ids = [f"{number:04}" + letter * 196 for number in range(700)]

    found = list(rules.chunks(ids))

    assert all(len(orjson.dumps(each)) <= rules.BYTES_PER_EVENT + 2 for each in found)
    assert sum(len(each) for each in found) == 700


@pytest.mark.parametrize(
    ("kind", "changes", "refusal"),
    [
        (SegmentKind.STATIC, {"name": "x"}, None),
        (SegmentKind.STATIC, {"definition": None}, None),
        (SegmentKind.STATIC, {"definition": {}}, Conflict),
        (SegmentKind.DYNAMIC, {"name": "x"}, None),
        (SegmentKind.DYNAMIC, {"definition": {}}, None),
        (SegmentKind.DYNAMIC, {"definition": None}, Invalid),
    ],
)
def test_which_kind_has_a_definition(kind, changes, refusal):
    if refusal is None:
        rules.require_fitting(kind, changes)
        return
    with pytest.raises(refusal):
        rules.require_fitting(kind, changes)


@pytest.mark.parametrize(
    ("found", "done", "count", "expected"), [(10, 1, 16, 160), (7, 2, 8, 28), (5, 8, 8, 5), (0, 1, 4, 0)]
)
def test_how_many_there_are_by_some_buckets(found, done, count, expected):
    assert rules.estimated(found, done, count) == expected
