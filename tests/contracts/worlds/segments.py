"""A segment that follows its definition and one that is a list with somebody on it, and a persona."""

from __future__ import annotations

from typing import Any

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

DEFINITION: dict[str, Any] = {"conditions": [{"type": "event", "event": "buy", "within": "P30D"}]}
SEGMENT = {"name": "Buyers", "kind": "dynamic", "definition": DEFINITION}
WORDED_DEFINITION = {"conditions": [{"type": "trait", "trait": "city", "op": "eq", "value": SAID}]}
PERSONA: dict[str, Any] = {"title": "Mobile first", "needs": ["speed"], "pains": [], "quotes": []}
QUOTE = {"feedback_id": "0191f4b0-0000-7000-8000-000000000001", "text": SAID}
WORDED_PERSONA = {"title": SAID, "summary": SAID, "needs": [SAID], "pains": [SAID], "quotes": [QUOTE]}


async def make(api: Api) -> dict[str, str]:
    """Make one of each. What is walked is the list: its members can be changed; another segment is thrown away for its definition."""
    segment = await post(api, "/v1/segments", {"name": "Friends", "kind": "static"})
    await post(api, "/v1/segments", SEGMENT)
    at, headers = f"/v1/segments/{segment['id']}", await api.key()
    added = await api.client.put(f"{at}/members", json={"user_ids": ["u1"]}, headers=headers)
    assert added.status_code == 200, added.text
    told = await api.client.put(f"{at}/persona", json=PERSONA, headers=headers)
    assert told.status_code == 201, told.text
    return {"segment_id": segment["id"]}


WORLD = World(
    "metrics",
    make,
    bodies={
        "PATCH /v1/segments/{segment_id}": {"name": "another"},
        "PUT /v1/segments/{segment_id}/members": {"user_ids": ["u2"]},
        "DELETE /v1/segments/{segment_id}/members": {"user_ids": ["u2"]},
        "PUT /v1/segments/{segment_id}/persona": PERSONA | {"title": "another"},
    },
    no_changes={
        "PUT /v1/segments/{segment_id}/members": {"user_ids": ["u1"]},
        "PUT /v1/segments/{segment_id}/persona": PERSONA,
    },
    changes={
        "PATCH /v1/segments/{segment_id}": {"name": "changed"},
        "PUT /v1/segments/{segment_id}/members": {"user_ids": ["u3"]},
        "PUT /v1/segments/{segment_id}/persona": PERSONA | {"title": "changed"},
    },
    worded={
        "POST /v1/segments": {
            "name": SAID,
            "description": SAID,
            "kind": "dynamic",
            "definition": WORDED_DEFINITION | {"exclude": {"user_ids": [SAID]}},
        },
        "PATCH /v1/segments/{segment_id}": {"name": SAID, "description": SAID},
        "PUT /v1/segments/{segment_id}/members": {"user_ids": [SAID]},
        "DELETE /v1/segments/{segment_id}/members": {"user_ids": [SAID]},
        "PUT /v1/segments/{segment_id}/persona": WORDED_PERSONA,
    },
    without_words=frozenset({"POST /v1/segments/preview"}),
)
