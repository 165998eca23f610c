"""What an endpoint would be called with is shown, and nobody is called."""

import json
from datetime import datetime
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.testing.events import make_event
from opsloop_notifications.sending.timers import dispatch_webhooks

TEMPLATE = '{"text": "{{ event.type }}: {{ event.data.name }}"}'


async def preview(acme, hook=None, **body):
    return await acme.post(f"/v1/webhooks/{(hook or acme.hook)['id']}/preview", 200, **body)


async def refused(acme, status=422, hook=None, key=None, **body):
    path = f"/v1/webhooks/{hook or acme.hook['id']}/preview"
    answer = await acme.service.client.post(path, json=body, headers=key or acme.key)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_its_own_template_another_and_none(acme, hook):
    await acme.change(acme.hook, payload_template=TEMPLATE, headers={"Authorization": "Bearer mine"})

    own = await preview(acme, event_type="campaign.paused")
    other = await preview(acme, event_type="campaign.paused", payload_template='{"t": {{ event.type }}}')
    none = await preview(acme, event_type="campaign.paused", payload_template=None)

    assert json.loads(own["body"]) == {"text": "campaign.paused: name"}
    assert json.loads(other["body"]) == {"t": "campaign.paused"}
    assert json.loads(none["body"])["data"]["name"] == "name"
    assert (own["method"], own["url"], own["is_heard"]) == ("POST", hook.url, True)
    assert own["headers"]["content-type"] == "application/json"
    assert none["headers"]["content-type"] == "application/cloudevents+json"
    assert own["headers"]["webhook-id"] == own["event_id"]
    assert own["headers"]["authorization"] == own["headers"]["webhook-signature"] == "(secret)"
    assert hook.calls == []
    assert await acme.deliveries() == []
    assert (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["payload_template"] == TEMPLATE


async def test_an_event_of_the_log(acme):
    event = make_event(CampaignPaused(campaign_id=uuid4(), name="summer"))
    await acme.happen(event)

    shown = await preview(acme, event_id=str(event.id), payload_template=TEMPLATE)

    assert (shown["event_id"], shown["event_type"]) == (str(event.id), "campaign.paused")
    assert json.loads(shown["body"]) == {"text": "campaign.paused: summer"}
    assert (await preview(acme, event_id=str(event.id)))["body"] == event.to_bytes().decode()


async def test_a_sample_of_what_it_hears_unless_said(acme):
    hook = await acme.post("/v1/webhooks", 201, url="http://127.0.0.1:9/", event_types=["kpi.*"])

    shown = await preview(acme, hook)
    other = await preview(acme, hook, event_type="campaign.paused")

    assert (shown["event_type"].partition(".")[0], shown["is_heard"]) == ("kpi", True)
    assert (other["event_type"], other["is_heard"]) == ("campaign.paused", False)


@pytest.mark.parametrize("event_type", sorted(PUBLIC))
async def test_each_type_has_a_sample(acme, event_type):
    shown = await preview(acme, event_type=event_type, payload_template='{"d": {{ event.data }}}')

    assert json.loads(shown["body"])["d"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"payload_template": '{"a":\n{{ event.data.nobody }}}'}, "/payload_template"),
        ({"payload_template": "{"}, "/payload_template"),
        ({"payload_template": "{{"}, "/payload_template"),
        ({"payload_template": ""}, "/payload_template"),
        ({"event_type": "no.such"}, "/event_type"),
        ({"event_id": "x"}, "/event_id"),
        ({"event_type": "campaign.paused", "event_id": str(uuid4())}, ""),
        ({"nobody": 1}, "/nobody"),
    ],
)
async def test_what_is_refused(acme, body, pointer):
    problem = await refused(acme, **body)

    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_the_line_is_named(acme):
    problem = await refused(acme, event_type="campaign.paused", payload_template='{"a":\n{{ event.data.nobody }}}')

    assert problem["errors"][0]["detail"] == "line 2: the data has no event.data.nobody"


async def test_what_is_not_there_or_has_words_of_its_own(acme, service):
    bot = await acme.post("/v1/webhooks", 201, url="http://127.0.0.1:9/", event_types=["*"], format="slack")

    await refused(acme, 404, event_id=str(uuid4()))
    await refused(acme, 404, hook=str(uuid4()))
    await refused(acme, 404, key=await service.key(workspace="other"))
    await refused(acme, 409, hook=bot["id"])


async def test_who_may_not_read_or_write_may_not_look(acme, service):
    for scope in ("notifications:read", "notifications:write"):
        await refused(acme, 403, key=await service.key(scope))


async def test_what_the_preview_shows_is_what_is_sent(acme, hook, work, until):
    await acme.change(acme.hook, payload_template=TEMPLATE, headers={"X-Team": "on call"})
    event = make_event(CampaignPaused(campaign_id=uuid4(), name="支付 🙂"))

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(event)
        await until(lambda: acme.only("succeeded"), "the call")
    shown = await preview(acme, event_id=str(event.id))

    ((headers, body),) = hook.calls
    assert shown["body"].encode() == body
    sent = {name: value for name, value in headers.items() if name in shown["headers"]}
    assert sent.keys() == shown["headers"].keys()
    for name in ("content-type", "user-agent", "webhook-id"):
        assert shown["headers"][name] == sent[name]
    assert (sent["x-team"], shown["headers"]["x-team"]) == ("on call", "(secret)")


async def test_one_that_asks_for_consent_names_the_origin(acme):
    public = "https://opsloop.example"
    acme.service.runtime.db.grounds.settings = acme.service.runtime.settings.model_copy(update={"public_url": public})
    hook = await acme.post(
        "/v1/webhooks", 201, url="http://127.0.0.1:9/", event_types=["*"], handshake=True, payload_template=TEMPLATE
    )

    shown = await preview(acme, hook, event_type="campaign.paused")

    assert shown["headers"]["webhook-request-origin"] == "opsloop.example"
    assert "webhook-request-origin" not in (await preview(acme, event_type="campaign.paused"))["headers"]


async def test_a_preview_signs_nothing_and_changes_nothing(acme):
    await acme.change(acme.hook, payload_template=TEMPLATE)
    before = await acme.get(f"/v1/webhooks/{acme.hook['id']}")
    told = len((await acme.get("/v1/audit"))["items"])

    for template in (None, '{"forged": true}', TEMPLATE):
        shown = await preview(acme, event_type="campaign.paused", payload_template=template)

        assert shown["headers"]["webhook-signature"] == "(secret)"
        assert acme.hook["secret"] not in str(shown)
    assert await acme.get(f"/v1/webhooks/{acme.hook['id']}") == before
    assert len((await acme.get("/v1/audit"))["items"]) == told


async def test_also_of_one_that_is_disabled_and_of_a_type_that_it_does_not_hear(acme):
    hook = await acme.post("/v1/webhooks", 201, url="http://127.0.0.1:9/", event_types=["kpi.*"])
    await acme.change(hook, status="disabled")
    event = make_event(CampaignPaused(campaign_id=uuid4(), name="summer"))
    await acme.happen(event)

    shown = await preview(acme, hook, event_id=str(event.id))

    assert (shown["event_type"], shown["is_heard"]) == ("campaign.paused", False)


async def test_a_sample_is_of_this_workspace_and_this_hour(acme, service):
    shown = json.loads((await preview(acme, event_type="kpi.breached"))["body"])

    assert (shown["workspace"], shown["type"]) == ("acme", "kpi.breached")
    assert datetime.fromisoformat(shown["time"]) == service.clock.now()


async def test_a_dear_template_is_refused_here_already(acme):
    dear = "[{% for x in (1..1000) %}{% for y in (1..1000) %}1,{% endfor %}{% endfor %}1]"

    problem = await refused(acme, payload_template=dear)

    assert "too many steps" in problem["errors"][0]["detail"]


async def test_a_thing_that_is_gone_from_the_log_has_no_preview(acme):
    event = make_event(CampaignPaused(campaign_id=uuid4(), name="n"), workspace="other")
    await acme.happen(event)

    await refused(acme, 404, event_id=str(event.id))


async def test_without_a_body_it_is_an_example_of_what_the_endpoint_gets(acme):
    answer = await acme.service.client.post(f"/v1/webhooks/{acme.hook['id']}/preview", headers=acme.key)

    assert (answer.status_code, answer.json()) == (200, await preview(acme))
