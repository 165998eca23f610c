"""What ten greedy workspaces at their limits do to a healthy one that asks five times a second, by kind of work.

Each kind is measured on an `opsloop up` of its own: first the healthy workspace alone, then beside the others.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from bench.crowd import Caller
from bench.end_to_end import arrivals, receiver
from bench.neighbours import (
    BESIDE,
    GREEDY,
    HEALTHY,
    PATIENCE_SECONDS,
    Neighbours,
    Phase,
    Waited,
    arrived_by,
    compare,
    neighbours,
    ok,
    paced,
)
from bench.product_events import product_events
from bench.report import Line
from bench.world import wait_for_port
from opsloop_common.limits import MONITORS_PER_WORKSPACE, WEBHOOKS_PER_WORKSPACE
from tests.harness import Process, environment, free_port

POSTS = 50_000  # of each greedy workspace
EVENTS = 30_000
KPIS = 50
AUDIENCE = 10_000
LOGGED = 10_000
RECOVERIES = 10
TRIAGE = {"engine": "rules-2", "kind": "bug", "severity": "s3", "sentiment": 0, "language": "en", "reasons": []}


# Deliveries: as many endpoints as a workspace may have, none of which answers


async def deliveries(folder: Path) -> list[Line]:
    """From a post to the healthy workspace's own receiver."""
    with receiver(folder) as sink:
        async with neighbours(folder, "feedback", "notifications") as town:
            await _hang(town, sink)
            hears = {"url": sink, "event_types": ["feedback.received"]}
            await ok(town.client("notifications").post("/v1/webhooks", json=hears))
            callers = town.callers("feedback", ["/v1/feedback"], body={"body": "It hangs."}, pause=1.0)
            waited = await compare(town, _posts_heard(town, sink), callers)
    return waited.lines("post → own webhook")


async def _hang(town: Neighbours, sink: str, **more: Any) -> None:
    hears = {"url": f"{sink}hang", "event_types": ["feedback.received"]} | more
    for one in GREEDY:
        await ok(town.client("notifications", one).post("/v1/webhooks", json=hears))
    async with town.database("notifications") as database:
        await database.execute(
            f"INSERT INTO webhook SELECT (jsonb_populate_record(w, jsonb_build_object('id', gen_random_uuid()))).* "
            f"FROM webhook AS w, generate_series(2, {WEBHOOKS_PER_WORKSPACE})"
        )


def _posts_heard(town: Neighbours, sink: str) -> Phase:
    client, came, posts = town.client("feedback"), dict[str, float](), dict[str, str]()

    async def seen() -> dict[str, float]:
        came.update(await arrivals(sink))
        rows = await town.deployment.fetch(
            "feedback",
            "SELECT event_id::text, payload::jsonb->'data'->>'feedback_id' AS post FROM outbox "
            "WHERE type = 'feedback.received' AND payload::jsonb->>'workspace' = $1",
            HEALTHY,
        )
        posts.update((row["event_id"], row["post"]) for row in rows)
        return {posts[event]: at for event, at in came.items() if event in posts}

    async def phase(numbers: range) -> list[float]:
        began: dict[str, float] = {}

        async def post(number: int) -> None:
            at = time.time()
            said = await ok(client.post("/v1/feedback", json={"body": f"The export fails, {number}."}))
            began[said["id"]] = at

        await paced(post, numbers)
        return await arrived_by(began, seen)

    return phase


# Mail: campaigns to many, over a server that is slow for them


async def mail(folder: Path) -> list[Line]:
    """From the launch of a campaign to one person to the mail server."""
    port, told = free_port(), free_port()
    command = [sys.executable, "-m", "bench.mail_sink", str(port), str(told)]
    sink = Process("mail", command, environment(), folder / "mail.log")
    sink.start()
    try:
        wait_for_port(told, sink)
        async with neighbours(
            folder, "campaigns", "notifications", OPSLOOP_SMTP_URL=f"smtp://127.0.0.1:{port}"
        ) as town:
            waited = await _mailed(town, f"http://127.0.0.1:{told}/")
    finally:
        sink.kill9()
    return waited.lines("launch → mail to one person")


async def _mailed(town: Neighbours, told: str) -> Waited:
    async with town.database("notifications") as database:
        await database.execute(
            "INSERT INTO recipient (workspace, user_id, email, locale, version, created_at, updated_at) "
            "SELECT w, 'u' || n, 'u' || n || CASE WHEN w = $1 THEN '@quick.test' ELSE '@slow.test' END, 'en', 1, now(), now() "
            "FROM unnest($2::text[]) AS w, generate_series(0, $3) AS n",
            HEALTHY,
            [HEALTHY, *GREEDY],
            AUDIENCE - 1,
        )
    clients = {one: town.client("campaigns", one) for one in (HEALTHY, *GREEDY)}
    for each in clients.values():
        await ok(each.patch("/v1/workspace", json={"allow_self_approval": True}))
    client = clients[HEALTHY]
    ready = [await _approved(client, [f"u{number}"]) for number in range(BESIDE.stop)]
    large = {one: await _approved(clients[one], [f"u{number}" for number in range(AUDIENCE)]) for one in GREEDY}

    async def seen() -> dict[str, float]:
        async with httpx.AsyncClient(trust_env=False) as asking:
            arrived: dict[str, float] = (await asking.get(told)).json()["arrived"]
            return arrived

    async def phase(numbers: range) -> list[float]:
        began: dict[str, float] = {}

        async def launch(number: int) -> None:
            began[f"u{number}@quick.test"] = time.time()
            await ok(client.put(f"/v1/campaigns/{ready[number]}/status", json={"status": "running"}))

        await paced(launch, numbers)
        return await arrived_by(began, seen)

    async def begin() -> None:
        for one, campaign in large.items():
            await ok(clients[one].put(f"/v1/campaigns/{campaign}/status", json={"status": "running"}))

    return await compare(town, phase, [], begin)


async def _approved(client: httpx.AsyncClient, people: list[str]) -> str:
    says = {"channel": "email", "locale": "en", "subject": "Hello", "body": "We are back."}
    wanted = {"name": "bench", "audience": {"user_ids": people}, "messages": [says]}
    campaign: str = (await ok(client.post("/v1/campaigns", json=wanted)))["id"]
    for status in ("pending_approval", "approved"):
        await ok(client.put(f"/v1/campaigns/{campaign}/status", json={"status": status}))
    return campaign


# Evaluations: as many monitors as a workspace may have, over many events


async def evaluations(folder: Path) -> list[Line]:
    """From a reported value to the event of its breach."""
    async with neighbours(folder, "feedback", "metrics") as town:
        await _store_events(town)
        await _watch_greedily(town)
        client = town.client("metrics")
        for number in range(BESIDE.stop):
            wanted = {"key": f"k{number}", "name": "reported", "measure": {"type": "reported"}}
            await ok(client.post("/v1/kpis", json=wanted))
            condition = {"type": "threshold", "operator": "gt", "value": 100}
            await ok(client.post(f"/v1/kpis/k{number}/monitors", json={"condition": condition}))
        callers = town.callers("feedback", ["/v1/feedback"], body={"body": "Another one."}, pause=1.0)
        waited = await compare(town, _breaches(town), callers)
    return waited.lines("reported value → kpi.breached")


async def _store_events(town: Neighbours) -> None:
    async with town.database("metrics") as database:
        await database.execute(
            "INSERT INTO domain_event (workspace, event_id, type, at, received_at, user_id, subject, actor, correlationid, "
            "causationdepth, data) SELECT w, gen_random_uuid(), 'feedback.received', now() - n * interval '1 second', now(), "
            "'u' || n % 500, 'feedback/' || n, 'system', 'c' || n, 0, jsonb_build_object('number', n, 'rating', n % 5, "
            "'kind', 'bug', 'channel', 'api', 'sentiment', n % 100 / 100.0, 'author', jsonb_build_object('user_id', 'u' || n)) "
            "FROM unnest($1::text[]) AS w, generate_series(1, $2) AS n",
            GREEDY,
            EVENTS,
        )
        await database.execute("VACUUM (ANALYZE) domain_event")


async def _watch_greedily(town: Neighbours) -> None:
    measure = {
        "type": "events",
        "event": "feedback.received",
        "aggregate": "median",
        "property": "data.rating",
        "where": [{"field": "data.kind", "op": "eq", "value": "bug"}],
    }
    condition = {"type": "threshold", "operator": "gt", "value": 1000}
    for one in GREEDY:
        client = town.client("metrics", one)
        await ok(client.post("/v1/kpis", json={"key": "k1", "name": "heavy", "measure": measure}))
        await ok(client.post("/v1/kpis/k1/monitors", json={"condition": condition, "window": "P7D"}))
    async with town.database("metrics") as database:
        await database.execute(
            f"INSERT INTO kpi SELECT (jsonb_populate_record(k, jsonb_build_object('id', gen_random_uuid(), 'key', 'k' || n))).* "
            f"FROM kpi AS k, generate_series(2, {KPIS}) AS n"
        )
        await database.execute(
            "INSERT INTO monitor SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'kpi_id', k.id))).* "
            f"FROM monitor AS m JOIN kpi AS k USING (workspace), generate_series(1, {MONITORS_PER_WORKSPACE // KPIS}) AS n "
            "WHERE k.key <> 'k1' OR n > 1"
        )


def _breaches(town: Neighbours) -> Phase:
    client = town.client("metrics")

    async def seen() -> dict[str, float]:
        rows = await town.deployment.fetch(
            "metrics",
            "SELECT payload::jsonb->'data'->>'kpi' AS kpi, extract(epoch FROM published_at)::float AS at FROM outbox "
            "WHERE type = 'kpi.breached' AND published_at IS NOT NULL",
        )
        return {row["kpi"]: row["at"] for row in rows}

    async def phase(numbers: range) -> list[float]:
        began: dict[str, float] = {}

        async def report(number: int) -> None:
            key = f"k{number}"
            began[key] = time.time()
            await ok(client.post(f"/v1/kpis/{key}/values", json={"value": 500}))

        await paced(report, numbers)
        return await arrived_by(began, seen)

    return phase


# Jobs: long recoveries of webhooks


async def jobs(folder: Path) -> list[Line]:
    """From the request for a small recovery to its end."""
    with receiver(folder) as sink:
        async with neighbours(folder, "notifications") as town:
            never = [{"field": "data.area", "op": "eq", "value": f"no{number}"} for number in range(20)]
            await _hang(town, sink, filter=never)
            await _log_events(town)
            client = town.client("notifications")
            hears = {"url": sink, "event_types": ["feedback.received"]}
            webhook = (await ok(client.post("/v1/webhooks", json=hears)))["id"]
            waited = await compare(town, _recoveries(town, webhook), [], lambda: _recover_greedily(town))
    return waited.lines("small job: asked → finished")


async def _log_events(town: Neighbours) -> None:
    async with town.database("notifications") as database:
        await database.execute(
            "INSERT INTO event_log (workspace, position, event_id, type, document, received_at) "
            "SELECT w, n, e, 'feedback.received', jsonb_build_object('id', e, 'type', 'feedback.received', 'workspace', w, "
            "'data', jsonb_build_object('name', 'x', 'body', repeat('word ', 100)))::text, now() "
            "FROM (SELECT w, n, gen_random_uuid() AS e FROM unnest($1::text[]) AS w, generate_series(1, $2) AS n) AS made",
            GREEDY,
            LOGGED,
        )
        await database.execute(
            "INSERT INTO event_log_counter (workspace, last) SELECT unnest($1::text[]), $2", GREEDY, LOGGED
        )


async def _recover_greedily(town: Neighbours) -> None:
    since = _ago(days=1)
    for one in GREEDY:
        client = town.client("notifications", one)
        for webhook in (await ok(client.get(f"/v1/webhooks?limit={RECOVERIES}")))["items"]:
            await ok(client.post(f"/v1/webhooks/{webhook['id']}/recover", json={"since": since}))


def _recoveries(town: Neighbours, webhook: str) -> Phase:
    client = town.client("notifications")

    async def seen() -> dict[str, float]:
        rows = await town.deployment.fetch(
            "notifications",
            "SELECT id::text, extract(epoch FROM finished_at)::float AS at FROM job "
            "WHERE workspace = $1 AND finished_at IS NOT NULL",
            HEALTHY,
        )
        return {row["id"]: row["at"] for row in rows}

    async def phase(numbers: range) -> list[float]:
        began: dict[str, float] = {}

        async def recover(_number: int) -> None:
            at = time.time()
            said = await ok(client.post(f"/v1/webhooks/{webhook}/recover", json={"since": _ago(minutes=1)}))
            began[said["job_id"]] = at

        await paced(recover, numbers)
        return await arrived_by(began, seen)

    return phase


# Reads: searches, large pages, charts


async def reads(folder: Path) -> list[Line]:
    """The healthy workspace's own GETs and POSTs."""
    async with neighbours(folder, "feedback", "metrics") as town:
        await _store_posts(town)
        await _store_events(town)
        await _watch_greedily(town)
        waited = await compare(town, await _asks(town), _greedy_reads(town))
    served = ", ".join(f"{count:,} × {status}" for status, count in sorted(waited.greedy.items()))
    return waited.lines(f"GET, POST (the others: {served})")


async def _store_posts(town: Neighbours) -> None:
    async with town.database("feedback") as database:
        await database.execute(
            "INSERT INTO feedback (id, workspace, body, kind, severity, sentiment, triage, channel, source, author_verified, "
            "tags, attributes, occurred_at, created_at, updated_at, search_text, affected_users) "
            "SELECT gen_random_uuid(), w, b, 'bug', 's3', 0, $3, 'api', 'bench', true, '{}', '{}', t, t, t, b, 1 "
            "FROM unnest($1::text[]) AS w, generate_series(1, $2) AS n, repeat('the export of report ' || n || ' fails ', 10) AS b, "
            "CAST(now() - n * interval '1 second' AS timestamptz) AS t",
            GREEDY,
            POSTS,
            orjson.dumps(TRIAGE).decode(),
        )
        await database.execute("VACUUM (ANALYZE) feedback")


def _greedy_reads(town: Neighbours) -> list[Caller]:
    chart = urlencode({"from": _ago(hours=12), "to": _ago(), "step": "PT1M"})
    return [
        *town.callers("feedback", [f"/v1/feedback?text={word}" for word in ("missing", "nowhere", "absent")], each=3),
        *town.callers("feedback", ["/v1/feedback?limit=200"], each=2),
        *town.callers("metrics", ["/v1/kpis/k1/status", f"/v1/kpis/k1/series?{chart}"], each=2),
        *town.callers("metrics", ["/v1/kpis/k1"]),
    ]


async def _asks(town: Neighbours) -> Phase:
    feedback, metrics = town.client("feedback"), town.client("metrics")
    post = (await ok(feedback.post("/v1/feedback", json={"body": "The export fails."})))["id"]
    await ok(metrics.post("/v1/kpis", json={"key": "own", "name": "own", "measure": {"type": "reported"}}))
    asks: list[Callable[[], Awaitable[httpx.Response]]] = [
        lambda: feedback.get("/v1/feedback?limit=20"),
        lambda: feedback.post("/v1/feedback", json={"body": "The export fails again."}),
        lambda: feedback.get(f"/v1/feedback/{post}"),
        lambda: metrics.get("/v1/kpis/own/status"),
        lambda: metrics.post("/v1/kpis/own/values", json={"value": 1}),
    ]

    async def phase(numbers: range) -> list[float]:
        took: list[float] = []

        async def ask(number: int) -> None:
            began = time.perf_counter()
            answer = await asks[number % len(asks)]()
            took.append(1000 * (time.perf_counter() - began if answer.is_success else PATIENCE_SECONDS))

        await paced(ask, numbers)
        return took

    return phase


def _ago(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat().replace("+00:00", "Z")


Part = Callable[[Path], Awaitable[list[Line]]]
PARTS: dict[str, Part] = {
    "fairness.deliveries": deliveries,
    "fairness.mail": mail,
    "fairness.evaluations": evaluations,
    "fairness.jobs": jobs,
    "fairness.reads": reads,
    "fairness.product_events": product_events,
}
