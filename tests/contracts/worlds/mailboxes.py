"""A mailbox that is brought its mail, one that is fetched from, and a mail that could not be read."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World, post

IMAP = {
    "host": "imap.example.test",
    "port": 993,
    "security": "tls",
    "user_name": "u",
    "password": "p",
    "folder": "INBOX",
}
MAILBOX = {"name": "help", "kind": "imap", "address": "help@example.test", "imap": IMAP}


async def make(api: Api) -> dict[str, str]:
    """Make both, and bring a mail without a sender."""
    made = await post(api, "/v1/mailboxes", {"name": "in", "kind": "webhook", "address": "in@example.test"})
    mail = await api.client.post(made["mail_in_path"], content=b"no mail")
    assert mail.status_code == 200, mail.text
    return {"mailbox_id": (await post(api, "/v1/mailboxes", MAILBOX))["id"], "mail_id": mail.json()["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={"PATCH /v1/mailboxes/{mailbox_id}": {"name": "another"}},
    changes={"PATCH /v1/mailboxes/{mailbox_id}": {"imap": {"folder": "Support"}}},
    worded={
        "POST /v1/mailboxes": MAILBOX
        | {"name": SAID, "address": MAIL, "imap": IMAP | {"user_name": SAID, "password": SAID, "folder": SAID}},
        "PATCH /v1/mailboxes/{mailbox_id}": {
            "name": SAID,
            "address": MAIL,
            "imap": {"user_name": SAID, "password": SAID, "folder": SAID},
        },
    },
)
