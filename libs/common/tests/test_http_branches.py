"""Where a refusal points when a branch of a union is called as one of its fields is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from opsloop_common.http.refusals import field_error
from opsloop_common.http.schemas import InModel


class Did(InModel):
    """A branch with a field of its own name."""

    type: Literal["event"]
    event: Annotated[str, Field(min_length=2)]
    count: int = 1
    within: dict[str, int] = Field(default_factory=dict)


class Is(InModel):
    """Another branch."""

    type: Literal["is"]
    value: int


class Body(InModel):
    """What takes either."""

    conditions: list[Annotated[Did | Is, Field(discriminator="type")]]


@pytest.mark.parametrize(
    ("condition", "pointer"),
    [
        ({"type": "event", "event": "x"}, "/conditions/0/event"),
        ({"type": "event", "event": 5}, "/conditions/0/event"),
        ({"type": "event"}, "/conditions/0/event"),
        ({"type": "event", "event": "buy", "count": "1"}, "/conditions/0/count"),
        ({"type": "event", "event": "buy", "within": {"event": "x"}}, "/conditions/0/within/event"),
        ({"type": "event", "event": "buy", "cuont": 1}, "/conditions/0/cuont"),
        ({"type": "is", "value": "x"}, "/conditions/0/value"),
        ({"type": "is"}, "/conditions/0/value"),
        ({"type": "evnt", "event": "buy"}, "/conditions/0/type"),
        ({"event": "buy"}, "/conditions/0/type"),
    ],
    ids=str,
)
def test_a_refusal_names_the_field_and_not_the_branch(condition: dict[str, Any], pointer: str) -> None:
    body = {"conditions": [condition]}
    with pytest.raises(ValidationError) as refused:
        Body.model_validate(body)

    [error, *_] = [
        field_error(each | {"loc": ("body", *each["loc"])}, body) for each in refused.value.errors(include_url=False)
    ]
    assert error.pointer == pointer
