"""Traces: who decides that one is recorded, what stands in it, and that a collector costs nobody anything but its spans."""

import asyncio
import subprocess
import sys
import threading
import time
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, context_of
from opsloop_common.due.kinds import DueKind
from opsloop_common.due.runner import DueRunner
from opsloop_common.due.schedule import schedule
from opsloop_common.ids import uuid7
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.runner.traced import traced
from opsloop_common.settings import BadSettings, Settings
from opsloop_common.telemetry.spans import continued, current
from opsloop_common.telemetry.statements import shown, summary
from opsloop_common.telemetry.traceparent import is_sampled, readable
from opsloop_common.telemetry.work import working
from opsloop_common.testing.collector import CLIENT, CONSUMER, SERVER
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_common.testing.receiver import Answer
from opsloop_common.testing.sample.service import SAMPLE

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


@pytest.fixture
async def traced_sample(api, collector):
    """A function that opens the sample service for tracing into the collector, at a ratio."""

    async def opened(ratio=1.0):
        return await api(SAMPLE, settings_for_tests(otlp_endpoint=collector.url, otlp_ratio=ratio))

    return opened


async def write(sample, key, text="a", **headers):
    answer = await sample.client.post("/v1/notes", json={"text": text}, headers=key | headers)
    assert answer.status_code == 201, answer.text
    return answer


async def test_a_request_its_statements_and_its_event_are_one_trace(traced_sample, collector):
    sample = await traced_sample()
    key = await sample.key("sample:write")

    async with traced(sample.runtime):
        await write(sample, key, "words of a person", traceparent=SAMPLED)
    await write(sample, key, "after it ended", traceparent=SAMPLED)

    (request,) = [span for span in collector.spans() if span.kind == SERVER]
    assert (request.name, request.service) == ("POST /v1/notes", "opsloop-sample")
    assert (request.trace, request.parent) == (TRACE, CALLER)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/notes",
        "http.response.status_code": 201,
        "opsloop.workspace": "acme",
    }
    statements = [span for span in collector.spans() if span.kind == CLIENT]
    assert {span.parent for span in statements} == {request.id}
    assert {"INSERT note", "INSERT outbox", "INSERT outbox_stream"} <= {span.name for span in statements}
    assert "words of a person" not in str(collector.spans())
    first, second = await sample.events()
    assert first.traceparent == f"00-{TRACE}-{request.id}-01"
    assert second.traceparent == SAMPLED


async def test_what_a_key_holder_does_not_record_is_not_recorded(traced_sample, collector):
    sample = await traced_sample()
    key = await sample.key("sample:write")

    async with traced(sample.runtime):
        await write(sample, key, traceparent=UNSAMPLED)

    (event,) = await sample.events()
    assert event.traceparent.startswith(f"00-{TRACE}-")
    assert not is_sampled(event.traceparent)
    assert collector.spans() == []


@pytest.mark.parametrize(("ratio", "header", "recorded"), [(0.0, SAMPLED, False), (1.0, UNSAMPLED, True)])
async def test_strangers_do_not_decide_what_is_recorded(traced_sample, collector, ratio, header, recorded):
    sample = await traced_sample(ratio)
    user, shop = await sample.user("u1"), await sample.publishable("sample:write")

    async with traced(sample.runtime):
        await write(sample, user, traceparent=header)
        await write(sample, shop | {"Origin": "https://shop.example"}, traceparent=header)

    events = await sample.events()
    assert {event.traceparent[3:35] for event in events} == {TRACE}
    assert {is_sampled(event.traceparent) for event in events} == {recorded}
    assert len([span for span in collector.spans() if span.kind == SERVER]) == 2 * recorded


async def test_who_is_not_signed_in_continues_no_trace(traced_sample, collector):
    sample = await traced_sample()

    async with traced(sample.runtime):
        refused = await sample.client.get("/v1/notes/private-name", headers={"traceparent": SAMPLED})
        await sample.client.get("/healthz", headers={"traceparent": SAMPLED})

    assert refused.status_code == 401
    (request,) = collector.spans()
    assert request.trace != TRACE
    assert request.parent == ""
    assert request.attributes["http.response.status_code"] == 401
    assert "private-name" not in str(request)


@pytest.mark.parametrize(("ratio", "count"), [(0.0, 0), (1.0, 1)])
async def test_the_ratio_is_of_traces_that_begin_here(traced_sample, collector, ratio, count):
    sample = await traced_sample(ratio)
    key = await sample.key("sample:write")

    async with traced(sample.runtime):
        await write(sample, key)

    assert len([span for span in collector.spans() if span.kind == SERVER]) == count


async def test_a_consumer_works_below_its_event_and_causes_below_itself(traced_sample, collector):
    sample = await traced_sample()
    contexts = []

    async def hear(session, event):
        contexts.append(context_of(session))
        await session.execute(text("SELECT 1 AS heard"))

    subscription = Subscription("sample.hearer", frozenset({"campaign.paused"}), handler=hear)
    event = paused(SAMPLED)

    async with traced(sample.runtime):
        assert await deliver(sample.db, subscription, event, paused(None), paused(UNSAMPLED), paused("00-bad-01")) == 4

    (heard,) = [span for span in collector.spans() if span.kind == CONSUMER]
    assert (heard.name, heard.trace, heard.parent) == ("process opsloop.campaigns", TRACE, CALLER)
    assert heard.attributes["messaging.consumer.group.name"] == "sample.hearer"
    assert heard.attributes["messaging.message.id"] == str(event.id)
    assert [context.traceparent for context in contexts] == [
        f"00-{TRACE}-{heard.id}-01",
        None,
        UNSAMPLED,
        "00-bad-01",
    ]
    assert {span.parent for span in collector.spans() if span.kind == CLIENT} == {heard.id}


async def test_each_event_of_a_batch_is_told_in_its_own_trace(traced_sample, collector):
    sample = await traced_sample()
    other = SAMPLED.replace(TRACE, "0" * 31 + "7")

    async def hear(session, events):
        assert [continued(event.traceparent) != event.traceparent for event in events] == [True, False]

    subscription = Subscription("sample.hearer", frozenset({"campaign.paused"}), batch_handler=hear)

    async with traced(sample.runtime):
        await deliver(sample.db, subscription, paused(SAMPLED), paused(other))

    heard = [span for span in collector.spans() if span.kind == CONSUMER]
    assert {span.trace for span in heard} == {TRACE, other[3:35]}
    assert {span.attributes["messaging.batch.message_count"] for span in heard} == {2}


async def test_failures_are_told_by_their_class_alone(traced_sample, collector):
    sample = await traced_sample()

    async def hear(session, event):
        await session.execute(text("SELECT CAST(:given AS integer)"), {"given": "a name"})

    subscription = Subscription("sample.hearer", frozenset({"campaign.paused"}), handler=hear)

    async with traced(sample.runtime):
        with pytest.raises(Exception, match="invalid input"):
            await deliver(sample.db, subscription, paused(SAMPLED))
        with pytest.raises(KeyError), working(sample.db.tracer, SAMPLED, "read"):
            raise KeyError("a name")

    assert {span.attributes.get("error.type") for span in collector.spans() if span.failed} == {
        "22000",  # the statement, and what the consumer did
        "KeyError",
    }
    assert "a name" not in str(collector.spans())


async def test_due_work_is_done_below_what_caused_it(traced_sample, collector):
    sample = await traced_sample()
    done = asyncio.Event()

    async def remind(session, row):
        await session.execute(text("SELECT 1 AS reminded"))
        done.set()

    kind = DueKind("remind", remind)
    async with sample.db.transaction(Context("acme", traceparent=SAMPLED)) as session:
        await schedule(session, "remind", "n1", sample.clock.now())

    async with traced(sample.runtime), DueRunner(sample.db, [kind], owner=uuid7()).running():
        async with asyncio.timeout(10):
            await done.wait()

    (worked,) = [span for span in collector.spans() if span.name == "due remind"]
    assert (worked.trace, worked.parent) == (TRACE, CALLER)
    assert {span.parent for span in collector.spans() if span.kind == CLIENT} == {worked.id}


async def test_a_task_that_outlives_a_span_goes_on_without_it(traced_sample):
    sample = await traced_sample()
    ended = asyncio.Event()

    async def outlive():
        await ended.wait()
        return current()

    async with traced(sample.runtime):
        with working(sample.db.tracer, SAMPLED, "begin"):
            assert current() is not None
            task = asyncio.create_task(outlive())
            await asyncio.sleep(0)
        ended.set()

        assert await task is None
        assert current() is None


async def test_a_collector_that_refuses_is_told_of_once(traced_sample, collector):
    sample = await traced_sample()
    key = await sample.key("sample:write")
    collector.receiver.responder = lambda _: Answer(400)

    with structlog.testing.capture_logs() as said:
        async with traced(sample.runtime):
            await write(sample, key)
            for _ in range(1_500):
                with working(sample.db.tracer, SAMPLED, "step"):
                    pass

    assert len(collector.receiver.requests) > 1
    (line,) = [line["event"] for line in said if "traces" in line["event"]]
    assert line == "traces are lost: the collector does not take them"


async def test_a_collector_that_hangs_holds_nobody_up(traced_sample, collector, monkeypatch):
    monkeypatch.setattr(limits, "TRACE_FLUSH_SECONDS", 0.3)
    monkeypatch.setattr(limits, "TRACE_EXPORT_SECONDS", 1.5)
    sample = await traced_sample()
    key = await sample.key("sample:write")
    collector.receiver.responder = lambda _: Answer(200, delay_seconds=60)

    async with traced(sample.runtime):
        await write(sample, key)
        began = time.monotonic()

    assert time.monotonic() - began < limits.TRACE_FLUSH_SECONDS + 2
    for trying in threading.enumerate():
        if trying.name == "traces":
            trying.join(5)
            assert not trying.is_alive()


async def test_spans_that_wait_are_bounded(traced_sample, collector, monkeypatch):
    sample = await traced_sample()
    monkeypatch.setattr(limits, "TRACE_SPANS_WAITING", 600)
    collector.receiver.responder = lambda _: Answer(200, delay_seconds=1)

    async with traced(sample.runtime):
        for _ in range(3_000):
            with working(sample.db.tracer, SAMPLED, "step"):
                pass
        collector.receiver.responder = None

    assert 0 < len(collector.spans()) < 3_000


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM kpi WHERE b = $1", "SELECT kpi"),
        ("INSERT INTO note (a) VALUES ($1)", "INSERT note"),
        ('UPDATE "delivery" SET a = 1', "UPDATE delivery"),
        ("WITH a AS (SELECT set_config($1)), b AS (INSERT INTO feedback (x) SELECT 1 FROM a) "
         "INSERT INTO outbox (y) SELECT 1 FROM b", "INSERT feedback INSERT outbox"),
        ("INSERT INTO s (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", "INSERT s"),
        ("SELECT set_config('opsloop.workspace', $1, true)", "SELECT"),
        ("DELETE FROM due WHERE id IN (SELECT unnest($1))", "DELETE due"),
        ("COMMIT", "COMMIT"),
        ("", "statement"),
    ],
)  # fmt: skip
def test_a_statement_is_named_by_what_it_does_to_which_tables(sql, expected):
    assert summary(sql) == expected


def test_a_long_statement_is_cut():
    assert len(shown("x" * 10_000)) == limits.TRACE_STATEMENT_CHARACTERS + 1


@pytest.mark.parametrize("header", ["", "00-0-0", "ff-" + SAMPLED[3:], SAMPLED + "-more", "x" * 200, None])
def test_what_is_no_traceparent_is_nothing(header):
    assert readable(header) is None
    assert readable("01" + SAMPLED[2:] + "-more") == SAMPLED


def test_the_collector_is_an_address():
    with pytest.raises(BadSettings, match="OTLP_ENDPOINT"):
        Settings(otlp_endpoint="collector:4318")
    with pytest.raises(BadSettings, match="OTLP_RATIO"):
        Settings(otlp_ratio=2)


def test_nothing_of_it_is_loaded_without_a_collector():
    loaded = subprocess.run(
        [sys.executable, "-c", "import opsloop_common.runner.serve, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    # its API is FastAPI's own dependency, and FastAPI always loads it
    assert [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "google"))] == []
    assert "requests" not in loaded


def paused(traceparent):
    event = make_event(CampaignPaused(campaign_id=uuid4(), name="a"))
    return event.model_copy(update={"traceparent": traceparent})
