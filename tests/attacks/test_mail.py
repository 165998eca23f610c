"""What a partner with a submit key writes does not become part of a mail's head, whatever Python this is."""

from __future__ import annotations

import pytest

from opsloop_notifications.mail.writing import NAMES, ONE_CLICK
from tests.harness import eventually

pytestmark = pytest.mark.slow

BCC = "=?utf-8?q?Hello=0ABcc:_victim=40example.net?="
HTML = "=?utf-8?q?=0AContent-Type:_text/html=0A=0A<b>x</b>?="
REDIRECTED = "=?utf-8?q?victim=40evil.example=2C?=@example.com"


async def test_text_of_a_partner_stays_text(embedded_deployment, smtp_sink):
    campaigns = embedded_deployment.client("campaigns")
    notifications = embedded_deployment.client("notifications")
    made = await embedded_deployment.client("feedback").post(
        "/v1/api-keys", json={"name": "partner", "scopes": ["feedback:submit"]}
    )
    partner = embedded_deployment.client("feedback", key=made.json()["key"])
    taken = await notifications.put("/v1/recipients/u1", json={"email": "u1@example.test", "locale": "en"})
    assert taken.status_code == 201, taken.text
    message = {"channel": "email", "locale": "en", "subject": "{{ event.data.tags }}", "body": "{{ event.data.tags }}"}
    playbook = {
        "name": "Tell the team",
        "on": "feedback.received",
        "when": [],
        "cooldown": "PT1H",
        "requires_approval": False,
        "launch": {"name": "A post came in", "audience": {"user_ids": ["u1"]}, "messages": [message]},
    }
    answer = await campaigns.post("/v1/playbooks", json=playbook)
    assert answer.status_code == 201, answer.text

    tags = [BCC, HTML, "支付"]
    posted = await partner.post("/v1/feedback", json={"body": "It does not start", "channel": "api", "tags": tags})
    assert posted.status_code == 201, posted.text

    async def come() -> list:
        return smtp_sink.messages

    [mail] = await eventually(come, what="the mail")
    keys = [key for key in mail.message if key not in ("X-Peer", "X-MailFrom", "X-RcptTo")]
    assert keys == [*NAMES, ONE_CLICK[0]]
    assert (mail.recipients, mail["to"]) == (["u1@example.test"], "u1@example.test")
    assert mail.message.get_content_type() == "text/plain"
    # what was written reads as it was written: as the words of a partner, with their =?…?= to be seen
    written = ", ".join(tags)
    said, _, last = mail.text.replace("\r\n", "\n").partition("\n-- \n")
    assert said.strip() == written
    assert last.startswith("You do not want mails like this one? Unsubscribe: http")
    assert mail["subject"].replace(" ", "") == written.replace(" ", "")
    print(f"mail: tags {tags} came as one subject in {len(keys)} headers, to {mail.recipients}, as text/plain")


async def test_no_address_names_somebody_else(embedded_deployment):
    feedback = embedded_deployment.client("feedback")
    notifications = embedded_deployment.client("notifications")

    for address in (REDIRECTED, "victim＠evil.example，@example.com", "a?b@example.com", "a@example.com\n"):
        recipient = await notifications.put("/v1/recipients/u9", json={"email": address})
        body = {"body": "x", "channel": "api", "author": {"email": address}}
        post = await feedback.post("/v1/feedback", json=body)
        for answer, pointer in ((recipient, "/email"), (post, "/author/email")):
            assert answer.status_code == 422, answer.text
            assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
            assert address.strip() not in answer.text
    print("mail: addresses that read as another are refused for recipients and authors")
