"""A channel is called once to see whether it works."""

import pytest

from opsloop_common.testing.due import run_due
from opsloop_notifications.app import SERVICE
from services.notifications.tests.reaching import said_to
from services.notifications.tests.test_calling_people import BROWSER, SMS


async def trial(reaching, channel, **body):
    made = await reaching.call("POST", f"/v1/channels/{channel['id']}/test", body, 202)
    await run_due(reaching.service.db, SERVICE.due)

    async def is_over():
        job = await reaching.call("GET", f"/v1/jobs/{made['job_id']}")
        return job if job["status"] not in ("pending", "running") else None

    return (await reaching.until(is_over, "the job"))["result"]


async def test_a_chat_is_called_once_and_the_job_tells(reaching):
    bot = await reaching.chat("feishu")
    result = await trial(reaching, reaching.channel)
    assert result == {"outcome": "sent", "status_code": 200, "failure": None, "detail": None}
    assert "OpsLoop" in said_to(bot)
    assert len(bot.taken) == 1


async def test_somebody_in_the_chat_is_mentioned(reaching):
    bot = await reaching.chat("slack")
    await reaching.contact("u2", kind="chat", channel_id=reaching.channel["id"], address="U024BE7LH")
    await trial(reaching, reaching.channel, user_id="u2")
    assert "<@U024BE7LH>" in said_to(bot)


async def test_what_is_refused_is_told_in_the_providers_words(reaching):
    await reaching.chat("dingtalk", secret="another")
    result = await trial(reaching, reaching.channel)
    assert (result["outcome"], result["detail"]) == ("failed", "310000: sign not match")
    assert result["failure"] == "refused"


async def test_a_disabled_one_can_be_tested_and_speaks_its_language(reaching):
    bot = await reaching.chat("slack", language="zh")
    await reaching.call("PATCH", f"/v1/channels/{reaching.channel['id']}", {"status": "disabled"})
    assert (await trial(reaching, reaching.channel))["outcome"] == "sent"
    assert "测试" in said_to(bot)


async def test_sms_and_browsers_need_somebody_to_reach(reaching, hook):
    sms = await reaching.add("sms_http", url=hook.url, sms=SMS)
    push = await reaching.add("web_push", subject="mailto:ops@example.test")
    for channel in (sms, push):
        for body in ({}, {"user_id": "u1"}):
            await reaching.call("POST", f"/v1/channels/{channel['id']}/test", body, 422)
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    await reaching.contact("u1", kind="push", channel_id=push["id"], address=hook.url, keys=BROWSER)
    hook.answer = 201
    assert (await trial(reaching, sms, user_id="u1"))["status_code"] == 201
    assert (await trial(reaching, push, user_id="u1"))["outcome"] == "sent"


async def test_what_is_gone_before_the_job_runs_is_told(reaching):
    await reaching.chat("slack")
    made = await reaching.call("POST", f"/v1/channels/{reaching.channel['id']}/test", {}, 202)
    await reaching.call("DELETE", f"/v1/channels/{reaching.channel['id']}", status=204)
    await run_due(reaching.service.db, SERVICE.due)

    async def is_over():
        job = await reaching.call("GET", f"/v1/jobs/{made['job_id']}")
        return job["result"]

    result = await reaching.until(is_over, "the job")
    assert (result["outcome"], result["failure"]) == ("failed", "not_there")


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_a_test_is_made_once_whatever_comes_of_it(reaching, hook, status):
    await reaching.chat("slack")
    hook.answer = status
    hook.calls.clear()
    result = await trial(reaching, reaching.channel)
    assert result["outcome"] == ("later" if status == 500 else "failed")
    assert result["failure"] == ("unavailable" if status == 500 else "refused")
    assert len(hook.calls) == 1


async def test_another_workspaces_channel_is_not_there(reaching):
    await reaching.chat("slack")
    foreign = await reaching.service.key(workspace="other")
    path = f"/v1/channels/{reaching.channel['id']}/test"
    assert (await reaching.service.client.post(path, json={}, headers=foreign)).status_code == 404
