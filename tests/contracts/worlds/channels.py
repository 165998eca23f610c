"""A provider of SMS, a chat, and somebody who is in it."""

from __future__ import annotations

from typing import Any

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import PATH, SAID, World, post

SMS: dict[str, Any] = {
    "body": {"to": "{{ to }}", "text": "{{ text }}"},
    "success_field": "code",
    "success_values": ["0"],
    "busy_values": ["1"],
    "id_field": "id",
}
CHAT = {"kind": "slack", "name": "Team", "url": "http://127.0.0.1:9/"}
ONE = "/v1/recipients/{user_id}/contacts"


async def make(api: Api) -> dict[str, str]:
    """Make a chat, and somebody who is in it."""
    channel = await post(api, "/v1/channels", CHAT)
    in_chat = {"kind": "chat", "channel_id": channel["id"], "address": "U1"}
    contact = await post(api, "/v1/recipients/u1/contacts", in_chat)
    return {"channel_id": channel["id"], "contact_id": contact["id"]}


WORLD = World(
    "notifications",
    make,
    bodies={
        "PATCH /v1/channels/{channel_id}": {"name": "another"},
        "POST /v1/channels/{channel_id}/test": {},
        f"POST {ONE}": {"kind": "phone", "address": "+8613800138000"},
    },
    changes={"PATCH /v1/channels/{channel_id}": {"status": "disabled"}},
    worded={
        "POST /v1/channels": {
            "kind": "sms_http",
            "name": SAID,
            "url": PATH,
            "headers": {"x-a": SAID},
            "sms": SMS | {"body": {"to": SAID}},
        },
        "PATCH /v1/channels/{channel_id}": {"name": SAID, "url": PATH},
    },
    without_words=frozenset({"POST /v1/channels/{channel_id}/test", f"POST {ONE}"}),
)
