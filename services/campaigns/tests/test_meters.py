"""What `/metrics` says of launches and recipients."""

from datetime import timedelta


async def scraped(world):
    """Return the samples of the service's own page, by name and labels as they are written there."""
    page = (await world.api.client.get("/metrics")).text
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def launches(world):
    found = await scraped(world)
    return [
        found[f'opsloop_campaign_launches_total{{trigger="{name}"}}'] for name in ("person", "schedule", "playbook")
    ]


async def recipients(world):
    found = await scraped(world)
    return [found[f'opsloop_campaign_recipients_total{{outcome="{name}"}}'] for name in ("sent", "failed", "cancelled")]


async def playbook(world, **fields):
    launch = {"name": "Sorry", "audience": {"user_ids": ["u1"]}, "messages": [world.EN]}
    body = {"name": "Say sorry", "on": "kpi.breached", "when": [], "launch": launch} | fields
    await world.ok("POST", "/v1/playbooks", body)


async def test_launches_are_counted_by_what_set_them_off(world):
    assert await launches(world) == [0, 0, 0]
    await world.launched()
    assert await launches(world) == [1, 0, 0]

    starts = world.api.clock.now() + timedelta(hours=1)
    scheduled = await world.draft(schedule_at=starts.isoformat())
    await world.move(scheduled, "pending_approval", "approved", "scheduled")
    world.api.clock.advance(3601)
    await world.run_due()
    assert await launches(world) == [1, 1, 0]

    await playbook(world)
    event = world.breach()
    await world.hear(event, event)
    await world.hear(event)
    assert await launches(world) == [1, 1, 1]


async def test_a_playbooks_launch_is_its_own_also_when_somebody_approves_it(world):
    await playbook(world, requires_approval=True)
    await world.hear(world.breach())
    assert await launches(world) == [0, 0, 0]

    [campaign] = (await world.ok("GET", "/v1/campaigns"))["items"]
    await world.move(campaign["id"], "approved", "running")

    assert await launches(world) == [0, 0, 1]


async def test_recipients_are_counted_by_outcome_once(world):
    assert await recipients(world) == [0, 0, 0]
    await world.launched(["u1", "u2", "u3"])
    await world.run_due()
    [request] = await world.requested()
    await world.report(world.sent(request, "u1"), world.failed(request, "u2"))
    await world.report(world.sent(request, "u1"))
    assert await recipients(world) == [1, 1, 0]

    other = await world.launched(["u4", "u5"])
    assert (await world.put(other, "cancelled")).status_code == 200
    assert await recipients(world) == [1, 1, 2]


async def test_what_was_held_is_counted_by_why(narrow):
    for name in ("playbook_budget", "cause_budget"):
        assert (await scraped(narrow))[f'opsloop_campaigns_held_total{{held_by="{name}"}}'] == 0
    await playbook(narrow)

    for _ in range(5):
        await narrow.hear(narrow.breach())

    found = await scraped(narrow)
    assert found['opsloop_campaigns_held_total{held_by="playbook_budget"}'] == 2
    assert found['opsloop_campaigns_held_total{held_by="cause_budget"}'] == 0
