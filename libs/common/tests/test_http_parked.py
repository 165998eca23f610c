"""Parked events through the door: grouped by their cause, played again or given up as a group."""

from dataclasses import replace
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.inbox.apply import Applier
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.service import Slice
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE


class Consumer:
    """A consumer of the sample service that fails while `broken`."""

    def __init__(self):
        self.broken = True
        self.applied = []
        self.subscription = Subscription("sample.consumer", frozenset({"campaign.paused"}), handler=self.handle)

    async def handle(self, session, event):
        if self.broken:
            raise RuntimeError("cannot")
        self.applied.append((event.workspace, event.data["name"]))

    async def take(self, database, *names, workspace="acme"):
        campaign_id = uuid4()
        applier = Applier(database, self.subscription, backoff=(0.0,))
        for number, name in enumerate(names, start=1):
            event = make_event(CampaignPaused(campaign_id=campaign_id, name=name), workspace=workspace, sequence=number)
            await applier.apply(Delivery("campaigns", "here", event.to_bytes(), event))


@pytest.fixture
def consumer():
    return Consumer()


@pytest.fixture
async def sample(api, consumer):
    opened = await api(replace(SAMPLE, slices=(*SAMPLE.slices, Slice("heard", subscriptions=[consumer.subscription]))))
    await consumer.take(opened.db, "a", "b")
    await consumer.take(opened.db, "c")
    await consumer.take(opened.db, "x", workspace="other")
    return opened


async def groups(sample, headers):
    answer = await sample.client.get("/v1/parked-events/groups", headers=headers)
    assert answer.status_code == 200, answer.text
    return [(group["failed"], group["held"]) for group in answer.json()["items"]], answer.json()["items"]


async def test_one_cause_is_one_group_of_the_callers_workspace(sample):
    admin, stranger = await sample.key("sample:admin"), await sample.key("sample:admin", workspace="third")

    counts, [group] = await groups(sample, admin)

    assert counts == [(2, 1)]
    assert group["consumer"] == "sample.consumer"
    assert (await groups(sample, stranger))[0] == []
    assert (await groups(sample, sample.operator))[0] == [(3, 1)]
    query = {"fingerprint": group["fingerprint"], "status": "failed"}
    listed = await sample.client.get("/v1/parked-events", params=query, headers=admin)
    assert len(listed.json()["items"]) == 2


async def test_a_group_is_played_again_in_its_own_workspace_only(sample, consumer):
    admin = await sample.key("sample:admin")
    _, [group] = await groups(sample, admin)
    consumer.broken = False

    done = await sample.client.post(
        "/v1/parked-events/redrive", json={"fingerprint": group["fingerprint"]}, headers=admin
    )

    assert (done.status_code, done.json()) == (200, {"applied": 3, "failed": 0, "remaining": 0})
    assert sorted(consumer.applied) == [("acme", "a"), ("acme", "b"), ("acme", "c")]
    assert (await groups(sample, sample.operator))[0] == [(1, 0)]
    [entry] = (await sample.client.get("/v1/audit?action=parked_event.redriven", headers=admin)).json()["items"]
    assert entry["subject"] == f"parked_group/{group['fingerprint']}"


async def test_a_group_is_given_up_and_its_followers_go_on(sample, consumer):
    admin = await sample.key("sample:admin")
    _, [group] = await groups(sample, admin)
    consumer.broken = False

    gone = await sample.client.post(
        "/v1/parked-events/discard", json={"fingerprint": group["fingerprint"]}, headers=admin
    )

    assert (gone.status_code, gone.json()) == (200, {"discarded": 2})
    assert consumer.applied == [("acme", "b")]
    assert (await groups(sample, admin))[0] == []
