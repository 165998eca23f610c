"""Event types, their fields and fields of bodies that nothing has: refused, with the nearest known one."""

from __future__ import annotations

import time
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from opsloop_common.conditions import Condition
from opsloop_common.contracts import known
from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.envelope import EventData
from opsloop_common.errors import Invalid
from opsloop_common.http.schemas import InModel
from opsloop_common.meaningful import require_fields


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("feedback.recieved", "feedback.received"),
        ("kpi.breach", "kpi.breached"),
        ("campaign.lanched", "campaign.launched"),
        ("notification.send", "notification.sent"),
        ("Kpi.breached", "kpi.breached"),
        ("feedback", "feedback.received"),
    ],
)
def test_an_event_type_that_no_service_sends(name, nearest):
    with pytest.raises(ValueError, match=f"^{name} is no event type; did you mean (feedback|{nearest})"):
        known.known_type(name)


@pytest.mark.parametrize("pattern", ["*", "kpi.*", "feedback.*", "kpi.breached", "notification.*"])
def test_patterns_that_cover_something_stay(pattern):
    assert known.known_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "nearest"), [("kpis.*", "kpi.*"), ("feedbak.*", "feedback.*"), ("kpi.breeched", "kpi.breached")]
)
def test_patterns_that_cover_nothing(pattern, nearest):
    with pytest.raises(ValueError, match=rf"did you mean {nearest.replace('*', '[*]')}\?$"):
        known.known_pattern(pattern)


@pytest.mark.parametrize(
    ("path", "types", "nearest"),
    [
        ("data.severty", ["feedback.received"], "data.severity"),
        ("data.author.userid", ["feedback.received"], "data.author.user_id"),
        ("data.tags.0", ["feedback.received"], "data.tags"),
        ("data.severity.level", ["kpi.breached"], "data.severity"),
        ("data.tresholds", ["kpi.breached", "kpi.recovered"], "data.threshold"),
        ("data.trigger.typ", ["campaign.launched"], "data.trigger.type"),
    ],
)
def test_a_field_that_no_such_event_has(path, types, nearest):
    whose = types[0] if len(types) == 1 else "these events"

    assert known.field_fault(path, types) == f"{path} is no field of {whose}; did you mean {nearest}?"
    with pytest.raises(Invalid) as refused:
        require_fields([Condition(field="type", op="exists"), Condition(field=path, op="exists")], types, "/when")
    assert refused.value.errors[0].pointer == "/when/1/field"


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("data.severity", ["feedback.received"]),
        ("data.author", ["feedback.received"]),
        ("data.author.user_id", ["feedback.received", "kpi.breached"]),
        ("data.threshold", ["kpi.recovered", "kpi.breached"]),
        ("subject", ["kpi.breached"]),
        ("data.whatever", ["kpi.breached", "of.a.newer.release"]),
    ],
)
def test_fields_that_one_of_the_events_has(path, types):
    assert known.field_fault(path, types) is None


class Thing(BaseModel):
    """A part of an event."""

    name: str


class Happened(EventData):
    """An event with one field of each form."""

    type = "nesting.happened"
    aggregate = "thing"

    thing_id: int
    nested: Thing | None = None
    things: list[Thing] = Field(default_factory=list)
    anything: JsonValue = None
    by_name: dict[str, int] = Field(default_factory=dict)
    level: Literal["low", "high"] = "low"


def test_fields_come_from_the_schemas_of_events(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(known.PUBLIC, Happened.type, Happened)

    assert known.fields_of(Happened.type) == {
        "data.thing_id",
        "data.nested",
        "data.nested.name",
        "data.things",
        "data.anything",
        "data.anything.*",
        "data.by_name",
        "data.by_name.*",
        "data.level",
    }
    assert known.field_fault("data.by_name.whatever.below", [Happened.type]) is None
    assert known.field_fault("data.level.below", [Happened.type]) is not None


@pytest.mark.parametrize(
    ("field", "nearest"),
    [("tpye", "type"), ("subjet", "subject"), ("datas.field", "data.<field>"), ("source.x", "source")],
)
def test_a_condition_on_what_events_do_not_have(field, nearest):
    with pytest.raises(ValidationError) as refused:
        Condition.model_validate({"field": field, "op": "exists"})
    message = refused.value.errors()[0]["msg"]
    assert message.startswith(f"Value error, {field} is no attribute of an event or path below its data")
    assert message.endswith(f"did you mean {nearest}?"), message


class Inner(InModel):
    """A part of a body."""

    user_ids: list[str]
    for_: str | None = Field(default=None, alias="for")


class Outer(InModel):
    """A body."""

    model_config = ConfigDict(frozen=True)

    audience: Inner
    conditions: list[Condition] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("body", "place", "detail"),
    [
        ({"audiance": {}}, ("audiance",), "; did you mean audience?"),
        ({"audience": {"userids": []}}, ("audience", "userids"), "; did you mean user_ids?"),
        ({"audience": {"user_ids": [], "for_": "x"}}, ("audience", "for_"), "; did you mean for?"),
        (
            {"audience": {"user_ids": []}, "conditions": [{"feild": "type", "op": "exists"}]},
            ("conditions", 0, "feild"),
            "; did you mean field?",
        ),
        ({"zzzz": 1}, ("zzzz",), "; known are audience, conditions"),
    ],
)
def test_unknown_fields_of_a_body_at_any_depth(body: dict[str, Any], place: tuple[Any, ...], detail: str):
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(body)
    [error] = refused.value.errors()
    assert (error["loc"], error["msg"]) == (place, "This field is not known here" + detail)


def test_too_many_unknown_fields_are_one_error():
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate({f"audience{number}": 1 for number in range(20_000)})
    assert refused.value.error_count() == 1


def test_another_field_of_all_types_is_looked_up_at_once():
    known.shape_at("data.kpi", PUBLIC)
    began = time.thread_time()
    for path in ("data.name", "data.alert_id", "data.nothing", "source"):
        known.shape_at(path, PUBLIC)

    assert time.thread_time() - began < 0.05  # 450 ms when each look-up made the schemas of all types
