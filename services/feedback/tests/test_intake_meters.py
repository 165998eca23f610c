"""What `/metrics` says of what comes in."""


async def posts(desk):
    """Return what was taken in: (kind, severity, channel) and how many."""
    page = (await desk.client.get("/metrics")).text
    lines = [line.partition("{")[2] for line in page.splitlines() if line.startswith("opsloop_feedback_posts_total{")]
    found = {}
    for line in lines:
        labels = dict(part.split("=") for part in line.partition("}")[0].replace('"', "").split(","))
        found[labels["kind"], labels["severity"], labels["channel"]] = float(line.rpartition(" ")[2])
    return found


async def test_posts_are_counted_as_triage_sorted_them(desk):
    first = await desk.post(kind="bug", channel="email", external_id="1")
    await desk.post(200, kind="bug", channel="email", external_id="1")  # known already
    await desk.post(422, channel="pigeon")
    key = {"Idempotency-Key": "once"}
    await desk.post(headers=key, kind="bug", channel="email", external_id="2")
    await desk.post(headers=key, kind="bug", channel="email", external_id="2")

    assert await posts(desk) == {("bug", first["severity"], "email"): 2}


async def test_rows_of_a_batch_count_too(desk):
    rows = [{"external_id": n, "channel": "survey", "kind": "praise", "body": "Lovely."} for n in ("1", "2", "2")]
    for _ in range(2):
        answer = await desk.client.post("/v1/feedback:batch", json={"items": rows}, headers=desk.agent)
        assert answer.status_code == 200, answer.text

    assert [(name[0], name[2], count) for name, count in (await posts(desk)).items()] == [("praise", "survey", 2)]
