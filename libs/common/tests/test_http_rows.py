"""What is told of a row that is refused, and that rows of a batch are left as they came."""

import pytest
from pydantic import Field, ValidationError

from opsloop_common.http.rows import FieldErrorOut, Unread, faults_of, told
from opsloop_common.http.schemas import InModel, ShortText
from opsloop_common.limits import ERRORS_SHOWN_OF_A_ROW


class Part(InModel):
    size: int


class Row(InModel):
    name: ShortText
    parts: list[Part] = Field(default_factory=list)
    labels: dict[str, int] = Field(default_factory=dict)


class Batch(InModel):
    items: list[Unread[Row]] = Field(max_length=3)


def faults(value):
    with pytest.raises(ValidationError) as refused:
        Row.model_validate(value)
    return faults_of(refused.value)


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"name": "n", "parts": [{"size": 1}, {"size": "x"}]}, ["/parts/1/size"]),
        ({"name": "n", "labels": {"a/b~c": "x"}}, ["/labels/a~1b~0c"]),
        ("none", [""]),
        ({"name": "n", "nam": 1}, ["/nam"]),
    ],
)
def test_pointers_lead_into_the_row(value, pointers):
    assert [fault.pointer for fault in faults(value)] == pointers


def test_words_are_ours_and_never_repeat_the_value():
    [fault] = faults({"name": "\u200b"})

    assert fault.detail == "must say something"
    assert told([fault]) == [FieldErrorOut(pointer="/name", detail="must say something")]


def test_few_are_told():
    assert len(faults({"name": "n", "labels": {f"l{place}": "x" for place in range(50)}})) == ERRORS_SHOWN_OF_A_ROW


def test_rows_of_a_batch_are_left_as_they_came():
    rows = [{"name": 1}, None]
    assert Batch.model_validate({"items": rows}).items == rows
    with pytest.raises(ValidationError):
        Batch.model_validate({"items": [1] * 4})
    assert Batch.model_json_schema()["properties"]["items"]["items"] == {"$ref": "#/$defs/Row"}


@pytest.mark.parametrize(
    ("row", "pointers"),
    [
        ({"name": "n", "parts": [{"size": "x"}, {}]}, ["/parts/0/size"]),
        ({"name": "n", "parts": "none", "labels": []}, ["/parts", "/labels"]),
        ({"name": ["n"], "labels": {"": "x", "/": "y"}}, ["/name", "/labels/", "/labels/~1"]),
    ],
)
def test_what_is_wrong_is_told_in_the_order_of_the_fields_of_a_list_the_first(row, pointers):
    found = told(faults(row))

    assert [fault.pointer for fault in found] == pointers
    assert all(fault.detail and "x" not in fault.detail.split() for fault in found)
