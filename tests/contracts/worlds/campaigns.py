"""A campaign and a playbook."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World, post

CAMPAIGN = {
    "name": "Spring",
    "audience": {"user_ids": ["u1", "u2"]},
    "messages": [{"channel": "email", "locale": "zh-CN", "subject": "你好", "body": "春天来了"}],
}
PLAYBOOK = {
    "name": "Say sorry",
    "on": "kpi.breached",
    "when": [{"field": "data.kpi", "op": "eq", "value": "severe_share"}],
    "cooldown": "PT1H",
    "requires_approval": False,
    "launch": CAMPAIGN,
}
WORDED = {
    "audience": {"user_ids": [MAIL]},
    "messages": [{"channel": "email", "locale": "en", "subject": SAID, "body": SAID}],
}


async def make(api: Api) -> dict[str, str]:
    """Make a campaign and a playbook."""
    campaign, playbook = await post(api, "/v1/campaigns", CAMPAIGN), await post(api, "/v1/playbooks", PLAYBOOK)
    return {"campaign_id": campaign["id"], "playbook_id": playbook["id"]}


WORLD = World(
    "campaigns",
    make,
    bodies={
        "PATCH /v1/campaigns/{campaign_id}": {"name": "another"},
        "PUT /v1/campaigns/{campaign_id}/status": {"status": "pending_approval"},
        "PATCH /v1/playbooks/{playbook_id}": {"name": "another"},
        "PUT /v1/playbooks/{playbook_id}/approval": {"status": "approved"},
        "POST /v1/playbooks/{playbook_id}/cancel-waiting": None,
        "POST /v1/playbooks/{playbook_id}/test": {"data": {"kpi": "severe_share"}},
    },
    no_changes={
        "PUT /v1/campaigns/{campaign_id}/status": {"status": "draft"},
        "PUT /v1/playbooks/{playbook_id}/approval": {"status": "approved"},
    },
    changes={
        "PATCH /v1/campaigns/{campaign_id}": {"name": "changed"},
        "PUT /v1/campaigns/{campaign_id}/status": {"status": "pending_approval"},
        "PATCH /v1/playbooks/{playbook_id}": {"name": "changed"},
        "PUT /v1/playbooks/{playbook_id}/approval": {"status": "pending"},
    },
    worded={
        "POST /v1/campaigns": {"name": "a", **WORDED},
        "PATCH /v1/campaigns/{campaign_id}": WORDED,
        "POST /v1/playbooks": PLAYBOOK | {"launch": {"name": "a", **WORDED}},
        "PATCH /v1/playbooks/{playbook_id}": {
            "launch": {"name": "a", **WORDED},
            "when": [{"field": "data.kpi", "op": "eq", "value": SAID}],
        },
        "POST /v1/playbooks/{playbook_id}/test": {"data": {"kpi": SAID}},
    },
    # whoever gives a reason gives it to the log
    without_words=frozenset({"PUT /v1/campaigns/{campaign_id}/status", "PUT /v1/playbooks/{playbook_id}/approval"}),
)
