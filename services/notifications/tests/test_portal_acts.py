"""What a receiver may do on the page of its endpoint: each button does its one thing, by POST alone, and the log names the link."""

import asyncio
import re
from uuid import uuid4

import pytest

from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.recoveries.timers import RECOVER
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.receiving import Receiver

BUTTONS = {"resend": ("recover", "resend"), "rotate": ("rotate",), "pause": ("pause", "resume")}


@pytest.fixture
async def receiver(api):
    settings = settings_for_tests(
        NotificationsSettings, outbound_allow="127.0.0.0/8", public_url="http://testserver", port=1
    )
    service = await api(SERVICE, settings)
    made = Receiver(service, await service.key(), None)
    made.hook = await made.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/hook", event_types=["*"])
    return made


async def state_of(receiver):
    found = await receiver.call("GET", f"/v1/webhooks/{receiver.hook['id']}")
    return found["status"], found["disabled_reason"]


async def failed(receiver, name="x"):
    """Have something happen that did not arrive; returns the delivery's id."""
    await receiver.happen(name)
    found = (await receiver.deliveries())[0]["id"]
    await receiver.end(found, "failed", "http_error")
    return found


async def test_one_delivery_is_sent_again(receiver):
    delivery_id = await failed(receiver)
    await receiver.open(["resend"])
    page = f"/deliveries/{delivery_id}"

    assert await receiver.said(f"{page}/resend", page) == "It is on its way again."
    [delivery] = await receiver.deliveries()
    assert (delivery["status"], delivery["event_id"] != delivery["id"]) == ("pending", True)
    assert await receiver.by_link() == ["webhook.delivery_resent"]
    [row] = [row for actor, _, row in await receiver.audited() if actor == "link"]
    assert row["after"] == {"delivery_id": delivery_id}


async def test_what_is_no_longer_kept_says_so(receiver):
    delivery_id = await failed(receiver)
    await receiver.run("DELETE FROM event_log")
    await receiver.open(["resend"])
    page = f"/deliveries/{delivery_id}"

    assert "no longer shown" in await receiver.see(page)
    assert await receiver.said(f"{page}/resend", page) == "Its event is no longer kept, so it cannot be sent again."
    assert (await receiver.deliveries())[0]["status"] == "failed"
    assert await receiver.by_link() == []


async def test_nothing_is_sent_while_calls_are_paused(receiver):
    delivery_id = await failed(receiver)
    await receiver.open()
    await receiver.act("/pause")
    page = f"/deliveries/{delivery_id}"

    assert await receiver.said(f"{page}/resend", page) == "Calls are paused: resume them first."
    assert await receiver.said("/recover", since="PT1H") == "Calls are paused: resume them first."
    assert (await receiver.deliveries())[0]["status"] == "failed"


async def test_what_was_missed_comes_again_once_at_a_time(receiver):
    missed = [await failed(receiver, name) for name in ("one", "two")]
    await receiver.open(["resend"])

    assert "oldest first" in await receiver.said("/recover", since="PT1H")
    assert await receiver.said("/recover", since="P7D") == "What was missed is being delivered already."
    await run_due(receiver.service.db, [RECOVER])
    by_id = {each["id"]: each["status"] for each in await receiver.deliveries()}
    assert by_id[missed[0]] == "pending"
    assert await receiver.by_link() == ["webhook.recovery_started"]


async def test_eight_presses_begin_one_recovery(receiver):
    await failed(receiver)
    await receiver.open(["resend"])
    token = re.search(r'name="form_token" value="([^"]+)"', await receiver.see())[1]
    given = {"form_token": token, "since": "P1D"}

    await asyncio.gather(*(receiver.browser.post(f"{receiver.page}/recover", data=given) for _ in range(8)))

    assert await receiver.by_link() == ["webhook.recovery_started"]


@pytest.mark.parametrize("since", ["", "P8D", "PT1H ", "2026-11-22", "<b>"])
async def test_only_the_spans_that_the_page_names(receiver, since):
    await receiver.open(["resend"])

    answer = await receiver.act("/recover", since=since)

    assert answer.status_code == 422
    assert "<b>" not in answer.text
    assert await receiver.by_link() == []


async def test_a_new_secret_is_shown_once_and_a_page_loaded_anew_makes_no_other(receiver):
    await receiver.open(["rotate"])
    token = re.search(r'name="form_token" value="([^"]+)"', await receiver.see())[1]
    version = re.search(r'name="version" value="(\d+)"', await receiver.see())[1]
    given = {"form_token": token, "version": version}

    first = await receiver.browser.post(f"{receiver.page}/rotate", data=given)
    again = await receiver.browser.post(f"{receiver.page}/rotate", data=given)

    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]+", first.text)
    assert (first.status_code, secret != receiver.hook["secret"]) == (200, True)
    assert first.headers["cache-control"] == "no-store"
    assert (again.status_code, "said=changed_meanwhile" in again.headers["location"]) == (303, True)
    assert secret not in await receiver.see()
    assert receiver.hook["secret"] not in first.text
    shown = await receiver.call("GET", f"/v1/webhooks/{receiver.hook['id']}")
    assert shown["previous_expires_at"] is not None
    assert await receiver.by_link() == ["webhook.secret_rotated"]
    assert secret not in str(await receiver.audited())


@pytest.mark.parametrize("signature", ["v1a", "both"])
async def test_new_keys_are_shown_as_far_as_they_are_the_receivers(receiver, signature):
    made = {"url": "http://127.0.0.1:9/keys", "signature": signature}
    receiver.hook = await receiver.call("POST", "/v1/webhooks", 201, **made)
    await receiver.open(["rotate"])
    page = await receiver.see()
    version = re.search(r'name="version" value="(\d+)"', page)[1]

    answer = await receiver.act("/rotate", version=version)

    shown = await receiver.call("GET", f"/v1/webhooks/{receiver.hook['id']}")
    assert receiver.hook["public_key"] in page
    assert ("Make a new key" in page, "Make a new secret" in page) == (signature == "v1a", signature == "both")
    assert re.findall(r"whpk_[A-Za-z0-9+/=]+", answer.text) == [shown["public_key"]]
    assert shown["public_key"] != receiver.hook["public_key"]
    assert len(re.findall(r"whsec_[A-Za-z0-9+/=]+", answer.text)) == (signature == "both")
    assert ("Your new public key" in answer.text, "None" in answer.text) == (signature == "v1a", False)
    assert "whsk_" not in page + answer.text
    assert await receiver.by_link() == ["webhook.secret_rotated"]


@pytest.mark.parametrize("version", ["", "0", "*", '1", "*', "1" * 10_000, "x"])
async def test_a_secret_is_made_for_the_version_that_was_seen(receiver, version):
    await receiver.open(["rotate"])

    answer = await receiver.act("/rotate", version=version)

    assert answer.status_code == 303, answer.text
    assert "said=changed_meanwhile" in answer.headers["location"]
    assert await receiver.by_link() == []


async def test_calls_are_paused_and_resumed(receiver):
    await receiver.happen("waits")
    await receiver.open(["pause"])

    assert await receiver.said("/pause") == "Calls are paused."
    assert await state_of(receiver) == ("disabled", "paused")
    assert [each["status"] for each in await receiver.deliveries()] == ["cancelled"]
    assert "by you" in await receiver.see()
    assert await receiver.said("/pause") == "Calls are paused."
    assert await receiver.said("/resume") == "Calls go on."
    assert await receiver.said("/resume") == "Calls go on."
    assert await state_of(receiver) == ("enabled", None)
    assert await receiver.by_link() == ["webhook.updated", "webhook.updated"]


async def test_what_the_sender_disabled_stays_so(receiver):
    await receiver.open()
    await receiver.call("PATCH", f"/v1/webhooks/{receiver.hook['id']}", status="disabled")

    assert "Resume calls" not in await receiver.see()
    assert await receiver.said("/resume") == "The sender disabled this endpoint; only they can enable it."
    assert await receiver.said("/pause") == "Calls are paused."
    assert await state_of(receiver) == ("disabled", "manual")
    assert await receiver.by_link() == []


async def test_each_right_allows_its_own_and_no_other(receiver):
    delivery_id = await failed(receiver)
    paths = {act: f"/{act}" for acts in BUTTONS.values() for act in acts}
    paths["resend"] = f"/deliveries/{delivery_id}/resend"
    for right in ("view", *BUTTONS):
        await receiver.open([right])
        page = await receiver.see() + await receiver.see(f"/deliveries/{delivery_id}")
        for other, acts in BUTTONS.items():
            if other == right:
                continue
            for act in acts:
                assert f"{act}?lang" not in page, (right, act)
                answer = await receiver.act(paths[act], f"/deliveries/{delivery_id}", since="P1D", version="1")
                # where no button stands, no token stands either
                assert answer.status_code == 403, (right, act, answer.text)
    assert await receiver.by_link() == []


async def test_a_right_that_a_link_lacks_is_refused_in_words(receiver):
    await receiver.open(["pause"])

    answer = await receiver.act("/rotate", version="1")

    assert answer.status_code == 403
    assert "This link does not allow that. 此链接不允许这样做。" in answer.text


async def test_looking_changes_nothing(receiver):
    delivery_id = await failed(receiver)
    await receiver.open()
    before = await receiver.deliveries(), await state_of(receiver), len(await receiver.audited())

    for path in ("", f"/deliveries/{delivery_id}", "?said=paused", "?lang=zh&status=failed"):
        assert (await receiver.browser.get(f"{receiver.page}{path}")).status_code == 200
    for path in ("/pause", "/resume", "/rotate", "/recover", f"/deliveries/{delivery_id}/resend"):
        assert (await receiver.browser.get(f"{receiver.page}{path}")).status_code == 405

    assert (await receiver.deliveries(), await state_of(receiver), len(await receiver.audited())) == before


@pytest.mark.parametrize(
    ("headers", "forged"),
    [
        ({}, "0" * 64),
        ({}, ""),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({"Sec-Fetch-Site": "same-site"}, None),
        ({"Origin": "https://evil.example"}, None),
        ({"Origin": "null"}, None),
    ],
)
async def test_no_other_site_presses_a_button(receiver, headers, forged):
    delivery_id = await failed(receiver)
    await receiver.open()
    token = re.search(r'name="form_token" value="([^"]+)"', await receiver.see())[1]
    given = {"form_token": token if forged is None else forged, "since": "P1D", "version": "1"}

    for path in ("/pause", "/resume", "/rotate", "/recover", f"/deliveries/{delivery_id}/resend"):
        answer = await receiver.browser.post(f"{receiver.page}{path}", data=given, headers=headers)
        assert answer.status_code == 403, path
    assert await receiver.by_link() == []


async def test_a_delivery_of_another_endpoint_is_not_there(receiver):
    await receiver.happen("ours")
    other = await receiver.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/other")
    theirs = (await receiver.call("POST", f"/v1/webhooks/{other['id']}/test", 202))["id"]
    await receiver.open()

    for delivery_id in (theirs, uuid4()):
        await receiver.see(f"/deliveries/{delivery_id}", expected=404)
        answer = await receiver.act(f"/deliveries/{delivery_id}/resend")
        assert answer.status_code == 404
    await receiver.see("/deliveries/not-an-id", expected=404)


async def test_a_test_goes_out_again_though_calls_are_paused(receiver):
    made = await receiver.call("POST", f"/v1/webhooks/{receiver.hook['id']}/test", 202)
    await receiver.end(made["id"], "failed", "timeout")
    await receiver.open()
    await receiver.act("/pause")
    page = f"/deliveries/{made['id']}"

    assert await receiver.said(f"{page}/resend", page) == "It is on its way again."


async def test_whose_link_ended_while_they_looked_does_nothing(receiver):
    await receiver.open()
    token = re.search(r'name="form_token" value="([^"]+)"', await receiver.see())[1]
    await receiver.call("DELETE", f"/v1/webhooks/{receiver.hook['id']}/portal-links", 204)

    answer = await receiver.browser.post(f"{receiver.page}/pause", data={"form_token": token})

    assert answer.status_code == 404
    assert await state_of(receiver) == ("enabled", None)


async def test_what_is_done_by_a_link_names_it(receiver):
    link = await receiver.link(["pause"])
    receiver.page = (await receiver.press(link)).headers["location"]
    await receiver.act("/pause")

    [row] = [row for actor, _, row in await receiver.audited() if actor == "link"]
    assert row["actor"].removeprefix("link:").replace("-", "") == link["url"].partition("?link=")[2].partition(".")[0]
    assert (row["before"]["status"], row["after"]["status"]) == ("enabled", "disabled")
