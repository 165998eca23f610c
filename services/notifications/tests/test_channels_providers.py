"""What providers of SMS ask for, as their manuals describe it, fits one description each; their answers are read as they mean them."""

import json
from base64 import b64encode
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from services.notifications.tests.reaching import dispatch_calls
from services.notifications.tests.test_calling_people import TEXT

BASIC = f"Basic {b64encode(b'account:token').decode()}"
PROVIDERS = {
    "a form, a status of 201, an id": {
        "sms": {
            "content_type": "form",
            "body": {"To": "{{ to }}", "From": "+15005550006", "Body": "{{ text }}"},
            "success_statuses": [201],
            "id_field": "sid",
        },
        "headers": {"Authorization": BASIC},
        "sent": {"To": "+8613800138000", "From": "+15005550006", "Body": "Hello Ann"},
        "taken": (201, {"sid": "SM1", "status": "queued"}, "SM1"),
        "refused": (400, {"code": 21211, "message": "Invalid 'To' Phone Number"}),
        "busy": (429, {"code": 20429}),
    },
    "a number without its sign, a code inside a 200": {
        "sms": {
            "body": {
                "PhoneNumbers": "{{ to | remove: '+' }}",
                "SignName": "OpsLoop",
                "TemplateParam": {"text": "{{ text }}"},
                "OutId": "{{ id }}",
            },
            "success_field": "Code",
            "success_values": ["OK"],
            "busy_values": ["isv.BUSINESS_LIMIT_CONTROL", "Throttling"],
            "id_field": "BizId",
        },
        "headers": {"X-Key": "k"},
        "sent": {"PhoneNumbers": "8613800138000", "SignName": "OpsLoop", "TemplateParam": {"text": "Hello Ann"}},
        "taken": (200, {"Code": "OK", "BizId": "9006^0"}, "9006^0"),
        "refused": (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "invalid"}),
        "busy": (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL"}),
    },
    "a list of numbers, an answer for each": {
        "sms": {
            "body": {"PhoneNumberSet": ["{{ to }}"], "TemplateParamSet": ["{{ text }}"], "SessionContext": "{{ id }}"},
            "success_field": "Response.SendStatusSet.0.Code",
            "success_values": ["Ok"],
            "busy_values": ["LimitExceeded.PhoneNumberThirtySecondLimit"],
            "id_field": "Response.SendStatusSet.0.SerialNo",
        },
        "headers": {"Authorization": "TC3 signature"},
        "sent": {"PhoneNumberSet": ["+8613800138000"], "TemplateParamSet": ["Hello Ann"]},
        "taken": (200, {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "5000:1"}]}}, "5000:1"),
        "refused": (200, {"Response": {"SendStatusSet": [{"Code": "InvalidParameterValue.IncorrectPhoneNumber"}]}}),
        "busy": (200, {"Response": {"SendStatusSet": [{"Code": "LimitExceeded.PhoneNumberThirtySecondLimit"}]}}),
    },
    "nested messages, a number for success": {
        "sms": {
            "body": {
                "messages": [{"destinations": [{"to": "{{ to }}", "messageId": "{{ id }}"}], "text": "{{ text }}"}]
            },
            "success_field": "messages.0.status.groupId",
            "success_values": ["1", "3"],
            "busy_values": ["99"],
            "id_field": "messages.0.messageId",
        },
        "headers": {"Authorization": "App key"},
        "sent": {"messages": [{"destinations": [{"to": "+8613800138000"}], "text": "Hello Ann"}]},
        "taken": (200, {"messages": [{"messageId": "m-1", "status": {"groupId": 1}}]}, "m-1"),
        "refused": (200, {"messages": [{"status": {"groupId": 5, "name": "REJECTED"}}]}),
        "busy": (200, {"messages": [{"status": {"groupId": 99}}]}),
    },
    "a truth value for success": {
        "sms": {
            "body": {"recipient": "{{ to }}", "message": "{{ text }}"},
            "success_field": "success",
            "success_values": ["true"],
            "busy_values": [],
        },
        "headers": {"Authorization": "Bearer t"},
        "sent": {"recipient": "+8613800138000", "message": "Hello Ann"},
        "taken": (200, {"success": True}, None),
        "refused": (200, {"success": False, "error": "credit"}),
        "busy": (503, {"error": "later"}),
    },
}


class Provider:
    """What answers as one of them does, and keeps what it was sent."""

    def __init__(self):
        self.answer, self.got = (200, {}), []

    async def handle(self, request):
        raw = (await request.read()).decode()
        is_form = request.content_type == "application/x-www-form-urlencoded"
        self.got.append({name: each[0] for name, each in parse_qs(raw).items()} if is_form else json.loads(raw))
        status, body = self.answer[:2]
        return web.json_response(body, status=status)


def without_ids(sent):
    """Return what was sent without our ids, which differ."""
    if isinstance(sent, dict):
        ours = ("OutId", "SessionContext", "messageId")
        return {name: without_ids(value) for name, value in sent.items() if name not in ours}
    return [without_ids(each) for each in sent] if isinstance(sent, list) else sent


@pytest.fixture(params=PROVIDERS)
async def known(request, reaching, hook):
    found = PROVIDERS[request.param]
    provider = Provider()
    hook.answer = provider.handle
    reaching.channel = await reaching.add("sms_http", url=hook.url, sms=found["sms"], headers=found["headers"])
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    return found, provider


async def say(reaching):
    return await reaching.say("u1", channels=["sms"], contents=TEXT)


async def test_what_it_is_sent_and_how_it_calls_what_it_took(reaching, known, work):
    found, provider = known
    provider.answer = found["taken"]
    async with work(reaching.service, dispatch_calls):
        message = await say(reaching)
        row = await reaching.ended(message)

    assert row["status"] == "sent"
    assert [without_ids(sent) for sent in provider.got] == [found["sent"]]
    (attempt,) = await reaching.attempts(message)
    assert attempt["provider_id"] == found["taken"][2]


async def test_what_it_refuses_fails_for_good_in_its_words(reaching, known, work):
    found, provider = known
    provider.answer = found["refused"]
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(await say(reaching))

    assert (row["status"], row["reason"], len(provider.got)) == ("failed", "rejected", 1)
    assert row["detail"]


async def test_when_it_is_busy_it_is_asked_again(reaching, known, work):
    found, provider = known
    provider.answer = found["busy"]
    async with work(reaching.service, dispatch_calls):
        message = await say(reaching)
        await reaching.tried(message)
        provider.answer = found["taken"]
        reaching.advance(120)
        row = await reaching.ended(message)

    assert (row["status"], row["attempt_count"], len(provider.got)) == ("sent", 2, 2)
    assert provider.got[0] == provider.got[1]


@pytest.mark.parametrize(
    ("field", "after", "expected"),
    [
        ("url", "/moved", "/moved"),
        ("sms", {"body": {"only": "{{ to }}"}, "success_statuses": [200]}, "only"),
        ("headers", {"x-new": "v"}, "x-new"),
    ],
)
async def test_what_changes_while_something_waits_counts(reaching, hook, work, field, after, expected):
    seen = []

    async def provider(request):
        seen.append(f"{request.path} {dict(request.headers)} {await request.text()}".lower())
        return web.Response(status=200)

    hook.answer = provider
    plain = {"body": {"to": "{{ to }}"}, "success_statuses": [200]}
    channel = await reaching.add("sms_http", url=hook.url, sms=plain)
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    message = await say(reaching)
    change = {field: f"{hook.url}{after}" if field == "url" else after}
    await reaching.call("PATCH", f"/v1/channels/{channel['id']}", change)
    async with work(reaching.service, dispatch_calls):
        assert (await reaching.ended(message))["status"] == "sent"
    assert len(seen) == 1
    assert expected in seen[0]


async def test_one_that_is_thrown_away_while_something_waits_is_called_no_more(reaching, hook, work):
    channel = await reaching.add("sms_http", url=hook.url, sms={"body": {"to": "{{ to }}"}})
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    message = await say(reaching)
    await reaching.call("DELETE", f"/v1/channels/{channel['id']}", status=204)
    async with work(reaching.service, dispatch_calls):
        row = await reaching.ended(message)
    assert (row["reason"], hook.calls) == ("channel_not_configured", [])


async def test_one_that_is_enabled_again_is_called_again(reaching, hook, work):
    channel = await reaching.add("sms_http", url=hook.url, sms={"body": {"to": "{{ to }}"}})
    path = f"/v1/channels/{channel['id']}"
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    await reaching.call("PATCH", path, {"status": "disabled"})
    async with work(reaching.service, dispatch_calls):
        assert (await reaching.ended(await say(reaching)))["reason"] == "channel_not_configured"
        await reaching.call("PATCH", path, {"status": "enabled"})
        assert (await reaching.ended(await say(reaching)))["status"] == "sent"
