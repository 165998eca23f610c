"""Conditions that no event of the named types can tell apart: refused, with the nearest value that there is."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue

from opsloop_common.conditions import ATTRIBUTES, Condition
from opsloop_common.contracts import catalogue
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.contracts.fields import ANY, Shape, all_fields, shape_of
from opsloop_common.errors import Invalid
from opsloop_common.meaningful import require_fields, value_fault

POST, BREACH = ["feedback.received"], ["kpi.breached"]
KPIS = ["kpi.breached", "kpi.recovered", "kpi.target_reached"]


class Part(BaseModel):
    """A part of an event."""

    level: Literal["low", "high"]


class Happened(EventData):
    """An event with one field of each form."""

    type = "thing.happened"
    aggregate = "thing"

    thing_id: int
    part: Part | None = None
    levels: list[Literal["low", "high"]] = Field(default_factory=list)
    either: int | str | None = None
    parts: list[Part] = Field(default_factory=list)
    anything: JsonValue = None
    by_name: dict[str, int] = Field(default_factory=dict)


@pytest.fixture
def happened(monkeypatch):
    monkeypatch.setitem(catalogue.PUBLIC, Happened.type, Happened)
    return [Happened.type]


@pytest.mark.parametrize(
    ("types", "field", "op", "value", "words"),
    [
        (POST, "data.severity", "eq", "S1", "this is no value of data.severity; did you mean s1?"),
        (POST, "data.severity", "ne", "s5", "this is no value of data.severity; known are s1, s2, s3, s4"),
        (POST, "data.severity", "in", ["s1", "s11"], "this is no value of data.severity; did you mean s1?"),
        (POST, "data.severity", "not_in", ["urgent"], "this is no value of data.severity; known are s1, s2, s3, s4"),
        (POST, "data.severity", "eq", "严重", "this is no value of data.severity; known are s1, s2, s3, s4"),
        (POST, "data.kind", "contains", "Bug", "this is no value of data.kind; did you mean bug?"),
        (BREACH, "data.severity", "eq", "critcal", "this is no value of data.severity; did you mean critical?"),
        (KPIS, "data.severity", "eq", "critcal", "this is no value of data.severity; did you mean critical?"),
        (BREACH, "type", "eq", "kpi.breeched", "this is no value of type; did you mean kpi.breached?"),
        (BREACH, "type", "eq", "kpi.recovered", "this is no value of type"),
        (POST, "data.number", "gt", "a", "data.number is a number, never a text"),
        (POST, "data.number", "eq", "1", "data.number is a number, never a text"),
        (POST, "data.area", "ge", 3, "data.area is a text, never a number"),
        (POST, "data.area", "in", [1, 2], "data.area is a text, never a number"),
        (POST, "data.author.verified", "eq", "true", "data.author.verified is true or false, never a text"),
        (POST, "data.author", "eq", "u1", "data.author is an object, never a text"),
        (POST, "data.tags", "eq", "vip", "data.tags is a list, never a text"),
        (POST, "data.tags", "contains", 3, "data.tags is a list of what is a text, never a number"),
        (POST, "data.number", "contains", 3, "data.number is a number: contains looks for texts"),
        (POST, "data.area", "contains", 3, "data.area is a text: contains looks for texts"),
        (POST, "sequence", "eq", "1", "sequence is a number, never a text"),
        (POST, "time", "gt", 2026, "time is a text, never a number"),
    ],
)
def test_a_value_that_never_stands_there(types, field, op, value, words):
    condition = Condition(field=field, op=op, value=value)
    fault = value_fault(condition, types)

    assert fault is not None
    assert fault.startswith(words), fault
    with pytest.raises(Invalid) as refusal:
        require_fields([Condition(field="type", op="exists"), condition], types, "/when")
    assert refusal.value.errors[0].pointer == "/when/1/value"


@pytest.mark.parametrize(
    ("types", "field", "op", "value"),
    [
        (POST, "data.severity", "in", ["s1", "s2"]),
        (POST, "data.severity", "eq", None),
        (POST, "data.severity", "exists", False),
        (POST, "data.severity", "lt", "s3"),
        (POST, "data.severity", "contains", "s"),
        (POST, "data.severity", "eq", "s\u200b1"),  # compared without what nobody sees
        (POST, "data.rating", "in", [0, "x", 0]),
        (POST, "data.rating", "le", 2.5),
        (POST, "data.area", "eq", "支付"),
        (POST, "data.tags", "contains", "vip"),
        (POST, "data.author.verified", "eq", False),
        ([*POST, *BREACH], "data.severity", "in", ["s1", "critical"]),
        ([*POST, "of.a.newer.release"], "data.severity", "eq", "S1"),
        (POST, "subject", "contains", "feedback/"),
        (POST, "link", "exists", True),
        (KPIS, "type", "eq", "kpi.recovered"),
    ],
)
def test_a_value_that_may_stand_there(types, field, op, value):
    assert value_fault(Condition(field=field, op=op, value=value), types) is None


@pytest.mark.parametrize(
    ("field", "op", "value", "is_fine"),
    [
        ("data.part.level", "eq", "low", True),
        ("data.part.level", "eq", "Low", False),
        ("data.levels", "contains", "high", True),
        ("data.levels", "contains", "hihg", False),
        ("data.either", "eq", 1, True),
        ("data.either", "eq", "x", True),
        ("data.either", "eq", True, False),
        ("data.parts", "contains", "low", False),
        ("data.anything", "gt", "a", True),
        ("data.anything.below", "eq", 1, True),
        ("data.by_name.whatever", "eq", "x", True),
    ],
)
def test_every_form_of_a_field(happened, field, op, value, is_fine):
    assert (value_fault(Condition(field=field, op=op, value=value), happened) is None) is is_fine


def test_shapes_are_read_out_of_schemas(happened):
    level = Shape(frozenset({"a text"}), frozenset({"low", "high"}))

    assert shape_of(happened[0], "data.part.level") == level
    assert shape_of(happened[0], "data.levels") == Shape(frozenset({"a list"}), items=level)
    assert shape_of(happened[0], "data.either") == Shape(frozenset({"a number", "a text"}))
    assert shape_of(happened[0], "data.anything") == ANY
    assert shape_of(happened[0], "data.nothing") is None


def test_every_attribute_of_an_event_can_be_named():
    attributes = ATTRIBUTES.split("|")

    assert sorted(attributes) == sorted(Event.model_fields.keys() - {"data"})
    assert "link" in attributes
    for name in attributes:
        Condition(field=name, op="exists")
    assert {"data.severity", "data.author.user_id"} <= all_fields()


@pytest.mark.parametrize(
    ("field", "meant"), [("severity", "data.severity"), ("Data.kpi", "data.kpi"), ("LINK", "link"), ("kpi", "data.kpi")]
)
def test_a_field_without_its_data_is_told_with_it(field: str, meant: str):
    fault: dict[str, Any] = {"field": field, "op": "exists"}
    with pytest.raises(ValueError, match=rf"did you mean {meant}\?"):
        Condition.model_validate(fault)
