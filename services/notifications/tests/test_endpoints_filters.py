"""Filters of endpoints with groups and regular expressions, through the doors."""

from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.testing.events import make_event
from opsloop_notifications.endpoints.rules import require_filter

URL = "http://127.0.0.1:9/hook"
NAMED = [
    {
        "any": [
            {"field": "data.name", "op": "regex", "value": "^双十一"},
            {"field": "data.name", "op": "eq", "value": "春"},
        ]
    }
]


@pytest.mark.parametrize(
    ("filter", "pointer", "words"),
    [
        ([{"field": "data.name", "op": "regex", "value": "(双"}], "/filter/0/value", "missing ), at character 3"),
        (
            [{"any": [{"field": "data.name", "op": "regex", "value": "x" * 201}]}],
            "/filter/0/any/0/value",
            "200 characters",
        ),
        (
            [{"any": [{"all": [{"field": "data.nmae", "op": "eq", "value": 1}]}]}],
            "/filter/0/any/0/all/0/field",
            "data.name?",
        ),
        ([{"any": [{"all": [{"all": []}]}]}], "/filter/0/any/0/all/0", "two levels"),
        ([{"any": []}], "/filter/0/any", "at least 1"),
        ([{"any": [{"field": "data.name", "op": "matches", "value": "a"}]}], "/filter/0/any/0/op", "must be one of"),
    ],
)
async def test_a_filter_is_refused_where_it_is_wrong(service, filter, pointer, words):
    body = {"url": URL, "event_types": ["campaign.*"], "filter": filter}

    answer = await service.client.post("/v1/webhooks", json=body, headers=await service.key())

    assert answer.status_code == 422, answer.text
    told = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert words in told[pointer]
    assert "双" not in answer.text


async def test_groups_are_kept_shown_and_obeyed(acme):
    made = await acme.post("/v1/webhooks", 201, url=URL, event_types=["campaign.paused"], filter=NAMED)

    for name in ("双十一预热", "春", "春天", "x双十一"):
        await acme.happen(make_event(CampaignPaused(campaign_id=uuid4(), name=name)))

    shown = await acme.get(f"/v1/webhooks/{made['id']}")
    assert shown["filter"] == made["filter"] == NAMED
    assert len(await acme.deliveries_of(made)) == 2
    await acme.change(made, filter=[{"all": NAMED}])
    assert (await acme.get(f"/v1/webhooks/{made['id']}"))["filter"] == [{"all": NAMED}]


def test_what_is_stored_is_held_to_the_types():
    require_filter(NAMED, ["campaign.paused"], about="events")
