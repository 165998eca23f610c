"""Endpoints that are told of alerts: which are, what they are called, and that filters are none of theirs."""

from uuid import UUID

import pytest

from opsloop_common.db import Context
from opsloop_notifications.endpoints import service as endpoints


async def created(service, key, hook, **fields):
    answer = await service.client.post("/v1/webhooks", json={"url": hook.url} | fields, headers=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def receivers(service, *, workspace="acme", **asked):
    async with service.db.transaction(Context(workspace=workspace)) as session:
        return await endpoints.alert_receivers(session, **asked)


async def test_those_of_the_format_that_are_enabled_are_told(service, hook):
    key = await service.key()
    pager = await created(service, key, hook, format="alertmanager", description="pager", event_types=["kpi.*"])
    plain = await created(service, key, hook)
    unnamed = await created(service, key, hook, format="alertmanager")
    paused = await created(service, key, hook, format="alertmanager")
    await service.client.patch(f"/v1/webhooks/{paused['id']}", json={"status": "disabled"}, headers=key)

    found = {str(one.id): (one.name, list(one.event_types)) for one in await receivers(service)}
    assert found == {pager["id"]: ("pager", ["kpi.*"]), unnamed["id"]: (unnamed["id"], unnamed["event_types"])}
    [one] = await receivers(service, only=next(each.id for each in await receivers(service) if each.name == "pager"))
    assert one.name == "pager"
    assert plain["id"] not in found
    assert await receivers(service, workspace="other") == []


@pytest.mark.parametrize("format", ["alertmanager", "cloudevents"])
async def test_a_filter_is_of_events_only(service, hook, format):
    key = await service.key()
    made = await created(service, key, hook, format=format)
    change = {"filter": [{"field": "type", "op": "exists"}]}
    answer = await service.client.patch(f"/v1/webhooks/{made['id']}", json=change, headers=key)

    assert answer.status_code == (422 if format == "alertmanager" else 200), answer.text
    if format == "alertmanager":
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/filter"]


async def test_an_endpoint_that_is_none_is_nobody(service, hook):
    plain = await created(service, await service.key(), hook)
    assert await receivers(service, only=UUID(plain["id"])) == []
