"""Spans as the code that makes them sees them: what is recorded, below what, and how they end."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.exc import DBAPIError

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.telemetry.events import processing, told_as_sent
from opsloop_common.telemetry.spans import continued, current
from opsloop_common.telemetry.traceparent import is_same_trace, is_sampled, readable, traceparent_from
from opsloop_common.telemetry.tracer import Tracer, failure_of
from opsloop_common.telemetry.work import working
from opsloop_common.testing.events import make_event

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


@pytest.fixture
def told():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(told):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(told))
    return Tracer(provider, ratio=0.0, bus="opsloop")


def names(told):
    return [span.name for span in told.get_finished_spans()]


@pytest.mark.parametrize("parent", [None, UNSAMPLED, "", "nonsense", SAMPLED + "-more"])
def test_what_nobody_records_is_no_span(tracer, told, parent):
    assert tracer.after(parent, "step", "internal", {}) is None
    with working(tracer, parent, "due"), working(None, SAMPLED, "due"):
        assert current() is None
    assert names(told) == []


def test_steps_stand_in_one_another_and_end_with_their_blocks(tracer, told):
    with working(tracer, SAMPLED, "outer") as outer:
        with working(tracer, outer.traceparent, "inner"):
            assert continued(SAMPLED) == current().traceparent != outer.traceparent
        assert current() is outer
    assert current() is None

    inner, outermost = told.get_finished_spans()
    assert (inner.name, inner.parent.span_id) == ("inner", outermost.context.span_id)
    assert f"{outermost.parent.span_id:016x}" == CALLER


def test_a_span_that_ended_is_ended_and_one_that_is_left_out_of_turn_takes_no_other_s_place(tracer, told):
    outer, inner = (tracer.after(SAMPLED, name, "internal", {}) for name in ("outer", "inner"))
    outer.enter()
    inner.enter()

    outer.leave()
    assert current() is inner
    inner.leave()
    inner.leave()

    assert current() is None
    assert names(told) == ["outer", "inner"]


def test_work_of_another_trace_is_not_continued_here(tracer):
    other = f"00-{'1' * 32}-{CALLER}-01"
    with working(tracer, SAMPLED, "step"):
        assert continued(other) == other
        assert continued(None) is None
    assert continued(SAMPLED) == SAMPLED


def test_the_first_failure_is_the_one_that_is_told_and_by_its_class_alone(tracer, told):
    with pytest.raises(ValueError, match="of a person"), working(tracer, SAMPLED, "step") as span:
        span.tell(http__route="/v1/x", rows=3)
        span.rename("named late")
        span.fail("first")
        raise ValueError("words of a person")

    (span,) = told.get_finished_spans()
    assert (span.name, dict(span.attributes)) == (
        "named late",
        {"http.route": "/v1/x", "rows": 3, "error.type": "first"},
    )
    assert (span.status.is_ok, span.status.description, span.events) == (False, None, ())


class OfTheDatabase(Exception):
    sqlstate = "23505"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("x"), "ValueError"),
        (OfTheDatabase(), "23505"),
        (DBAPIError("SELECT 1", {}, OfTheDatabase()), "23505"),
        (DBAPIError("SELECT 1", {}, ConnectionResetError()), "DBAPIError"),
    ],
)
def test_failures_have_a_class(error, kind):
    assert failure_of(error) == kind


@pytest.mark.parametrize(
    ("parent", "trusted", "recorded"), [(SAMPLED, True, True), (SAMPLED, False, False), (UNSAMPLED, True, False)]
)
def test_only_a_trusted_parent_decides_for_a_request(tracer, parent, trusted, recorded):
    span, caused = tracer.request(parent, is_trusted=trusted, began_ns=1, attributes={})

    assert (span is not None, is_sampled(caused)) == (recorded, recorded)
    assert is_same_trace(caused, parent)
    assert caused[36:52] != CALLER


def test_a_statement_stands_below_its_step_with_its_text_and_no_values(tracer, told):
    with working(tracer, SAMPLED, "step") as step:
        step.statement("SELECT a FROM kpi WHERE b = $1").leave()

    statement, above = told.get_finished_spans()
    assert statement.parent.span_id == above.context.span_id
    assert dict(statement.attributes) == {
        "db.system.name": "postgresql",
        "db.query.text": "SELECT a FROM kpi WHERE b = $1",
        "db.query.summary": "SELECT kpi",
    }


def event(traceparent, **options):
    made = make_event(CampaignPaused(campaign_id=uuid4(), name="a name"), **options)
    return made.model_copy(update={"traceparent": traceparent})


def test_of_a_batch_those_that_are_recorded_are_told_and_the_first_is_worked_within(tracer, told):
    first, second = event(f"00-{TRACE}-{'a' * 16}-01"), event(f"00-{'b' * 32}-{CALLER}-01", workspace="beta")

    with processing(tracer, "heard", [event(None), first, event(UNSAMPLED), second]):
        assert is_same_trace(current().traceparent, first.traceparent)
    with processing(None, "heard", [first]):
        assert current() is None

    spans = {span.attributes["opsloop.workspace"]: span for span in told.get_finished_spans()}
    assert sorted(spans) == ["acme", "beta"]
    assert spans["beta"].name == "process opsloop.campaigns"
    assert spans["beta"].attributes["messaging.batch.message_count"] == 4
    assert spans["acme"].attributes["messaging.message.id"] == str(first.id)
    assert "a name" not in str([dict(span.attributes) for span in spans.values()])


def test_what_was_sent_is_told_where_it_is_recorded_with_the_time_it_was_given_away(tracer, told):
    sent = event(SAMPLED)
    documents = [json.loads(each.to_bytes()) for each in (event(None), event(UNSAMPLED), sent)]

    told_as_sent(tracer, "campaigns", documents, began_ns=123)

    (span,) = told.get_finished_spans()
    assert (span.name, span.start_time) == ("send opsloop.campaigns", 123)
    assert span.attributes["messaging.message.id"] == str(sent.id)
    assert span.attributes["cloudevents.event_type"] == "campaign.paused"


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-\w*)?", fullmatch=True))
def test_what_goes_on_is_always_a_traceparent(header):
    found = traceparent_from(header)

    assert readable(found) == found
    assert len(found) == 55
    if readable(header) is None:
        assert not is_sampled(found)
    else:
        assert is_same_trace(found, header)
