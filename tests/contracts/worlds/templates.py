"""A template, a message, and what lies of it in a person's inbox."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

CONTENTS = [
    {
        "locale": "en",
        "email": {
            "subject": "Hello {{ name }}",
            "body": "Dear **{{ name }}**",
            "preheader": "p",
            "html": "<p>{{ name }}</p>",
        },
        "inbox": {"title": "Hello {{ name }}", "body": "Dear {{ name }}", "url": "/orders/1"},
    }
]
TEMPLATE = {"key": "welcome", "name": "A welcome", "contents": CONTENTS, "sample": {"name": "Ann"}}
MESSAGE = {
    "contents": CONTENTS,
    "data": {"name": "Ann"},
    "user_ids": ["u1"],
    "channels": ["email", "inbox"],
    "digest_key": "k",
}
OTHERS = [
    {
        "locale": "zh",
        "email": {"subject": SAID, "body": SAID, "preheader": SAID, "html": SAID},
        "inbox": {"title": SAID, "body": SAID},
    }
]
ENTRY = "/v1/recipients/{user_id}/inbox/{entry_id}"


async def make(api: Api) -> dict[str, str]:
    """Make a template with a version, and a message to a person, also in their inbox."""
    await post(api, "/v1/templates", TEMPLATE)
    message = await post(api, "/v1/messages", MESSAGE)
    entries = (await api.client.get("/v1/recipients/u1/inbox", headers=await api.key())).json()["items"]
    return {"key": "welcome", "number": "1", "message_id": message["id"], "entry_id": entries[0]["id"]}


WORLD = World(
    "notifications",
    make,
    bodies={
        "PATCH /v1/templates/{key}": {"name": "Another name"},
        "POST /v1/templates/{key}/publish": {"version": 1},
        "POST /v1/templates/{key}/preview": {"data": {"name": "Bo"}},
        "POST /v1/templates/{key}/test": {"user_id": "u1"},
        f"PATCH {ENTRY}": {"is_read": True},
        "POST /v1/recipients/{user_id}/inbox/mark": {"mark": "seen"},
        "POST /v1/recipients/{user_id}/inbox/undo": {"undo_id": "0198f7a2-0000-7000-8000-000000000000"},
    },
    changes={
        "PATCH /v1/templates/{key}": {"name": "Yet another name"},
        f"PATCH {ENTRY}": {"is_archived": True},
    },
    worded={
        "POST /v1/templates": {"key": "worded", "name": SAID, "contents": OTHERS, "sample": {"name": SAID}},
        "PATCH /v1/templates/{key}": {"name": SAID, "contents": OTHERS, "sample": {"name": SAID}},
        "POST /v1/templates/{key}/preview": {"data": {"name": SAID}},
        "POST /v1/templates/{key}/test": {"user_id": "u1", "data": {"name": SAID}},
        "POST /v1/messages": {
            "contents": OTHERS,
            "user_ids": ["u1"],
            "channels": ["email", "inbox"],
            "data": {"a": SAID},
        },
    },
    without_words=frozenset(
        {
            "POST /v1/templates/{key}/publish",
            f"PATCH {ENTRY}",
            "POST /v1/recipients/{user_id}/inbox/mark",
            "POST /v1/recipients/{user_id}/inbox/undo",
        }
    ),
)
