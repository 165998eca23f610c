"""What a tile says whose insight refuses, and which tiles are refused."""

from uuid import UUID

import pytest

from opsloop_common.errors import Conflict, DomainError, FieldError, Invalid, NotFound
from opsloop_metrics.dashboards.rules import refusal, require_known

pytestmark = pytest.mark.quick
ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (NotFound.of("insight"), {"code": "not_found", "detail": "There is no insight with this id."}),
        (Conflict("not now"), {"code": "conflict", "detail": "not now"}),
        (Invalid("/from", "is no time"), {"code": "invalid", "detail": "/from is no time"}),
        (
            Invalid.each([FieldError("/a", "is one"), FieldError("/b", "is two")]),
            {"code": "invalid", "detail": "/a is one; /b is two"},
        ),
    ],
)
def test_a_tile_says_in_one_sentence_what_was_refused(error: DomainError, wanted):
    assert refusal(error) == wanted


@pytest.mark.parametrize(
    ("asked", "known", "missing"),
    [
        ((), (), []),
        ((ONE,), (ONE,), []),
        ((ONE, ONE), (ONE,), []),
        ((ONE, TWO), (ONE,), [1]),
        ((ONE, TWO, THREE), (TWO,), [0, 2]),
        ((ONE,), (), [0]),
        ((ONE, ONE), (), [0, 1]),
        ((ONE, TWO, ONE), (ONE,), [1]),
        ((ONE, TWO, ONE), (TWO,), [0, 2]),
        ((THREE, TWO, ONE), (ONE, TWO), [0]),
        ((THREE,), (ONE, TWO, THREE), []),
    ],
)
def test_tiles_without_insight_are_named_by_their_place(asked, known, missing):
    if not missing:
        require_known(asked, known)
        return
    with pytest.raises(Invalid) as refused:
        require_known(asked, known)
    assert [error.pointer for error in refused.value.errors] == [f"/tiles/{place}/insight_id" for place in missing]
