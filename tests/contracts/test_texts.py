"""Every field of the four services that takes a text of people refuses one in which nobody sees anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from opsloop.services import MEMBERS
from opsloop_common.http.schemas import InModel

UNSEEN = ["\u200b", "\u3164", "\u2800", " \u2060\t", "\ufeff\u00ad"]
NOT_TEXTS = {
    "external_id": "an id, the sender's own",
    "user_id": "an id, the customer's own",
    "user_ids": "ids, the customer's own",
    "assignee": "an id, the customer's own",
    "time_zone": "a name that must be known",
    "value": "what an event is compared with",
    "breakdown": "a value of events, which says whatever their sender made it say",
    "url": "told apart when it is called and checked as an address",
    "secret": "checked as a key where it is stored",
    "scopes": "names that must be known",
    "origins": "addresses",
    "fingerprint": "what a parked event's failure is known by",
    "items": "rows of a batch, each read as a post of its own",
    "attributes": "the sender's own data",
    "properties": "the sender's own data",
}


def _models(below: type[InModel] = InModel) -> Iterator[type[InModel]]:
    for model in below.__subclasses__():
        # shapes that a test made for itself may be there too, wherever it stands
        if model.__module__.startswith("opsloop_") and not model.__module__.startswith("opsloop_common.testing"):
            yield model
        yield from _models(model)


def _takes(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def _text_fields() -> Iterator[tuple[str, TypeAdapter[Any], Any]]:
    for model in _models():
        for name, field in model.model_fields.items():
            adapter: TypeAdapter[Any] = TypeAdapter(Annotated[(field.annotation, None, *field.metadata)])  # type: ignore[valid-type]
            for form in (lambda text: text, lambda text: [text]):
                if name not in NOT_TEXTS and _takes(adapter, form("Some words: 支付")):
                    yield f"{model.__name__}.{name}", adapter, form


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_no_field_takes_a_text_that_says_nothing(unseen):
    assert MEMBERS, "their modules are loaded, and so all shapes known"
    fields = list(_text_fields())

    assert len(fields) > 15
    assert [name for name, adapter, form in fields if _takes(adapter, form(unseen))] == []
