"""Ids that others give follow one pattern, which its words and its form for machines agree on."""

import re
import time

import pytest
from pydantic import TypeAdapter, ValidationError

from opsloop_common.http.schemas import ID_PATTERN, GivenId, is_user_id
from opsloop_common.invisible import comparable
from opsloop_common.testing.ids import BAD_IDS, GOOD_IDS

READER = TypeAdapter(GivenId)


@pytest.mark.parametrize("id", GOOD_IDS)
def test_what_can_be_addressed_is_taken_as_it_came(id):
    assert READER.validate_python(id) == id
    assert is_user_id(id)
    assert re.search(ID_PATTERN, id)


@pytest.mark.parametrize("id", ["", *BAD_IDS])
def test_what_cannot_is_refused_in_words(id):
    with pytest.raises(ValidationError) as refusal:
        READER.validate_python(id)

    assert "pattern" not in str(refusal.value)
    assert not is_user_id(id)
    # what nobody sees is refused in words alone: a pattern that named it would be longer than all others together
    unseen = comparable(id) != id
    assert unseen or not re.fullmatch(ID_PATTERN.removesuffix("$"), id) or not 1 <= len(id) <= 200
    assert not unseen or f"<U+{ord(next(char for char in id if not comparable(char))):04X}>" in str(refusal.value)


@pytest.mark.parametrize("step", ["/", "./", "../", "a/", ".", "..a/"])
def test_reading_one_takes_no_time_however_it_is_made(step):
    began = time.perf_counter()
    re.fullmatch(ID_PATTERN, step * 100_000 + "\n")

    assert time.perf_counter() - began < 1
