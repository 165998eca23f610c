"""Scenario 2 of acceptance, over HTTP: one person over three channels with two ids is suggested, never joined silently."""

from opsloop_common.testing.events import deliver
from opsloop_feedback.people.consumers import PEOPLE

CHANNELS = ("form", "widget", "survey", "interview", "social", "phone", "email", "community")


async def test_2_one_person_over_three_channels_is_suggested_and_never_joined_silently(desk):
    address = "li.lei@example.test"
    for at, channel in enumerate(CHANNELS):
        author = {"user_id": f"other-{at}"}
        if channel in {"form", "widget"}:
            author = {"user_id": "app-7", "email": address}
        elif channel == "email":
            author = {"user_id": "shop-41", "email": address.upper()}
        attributes = {"product": "报表", "version": "5.2"}
        await desk.post(body="导出失败", channel=channel, author=author, locale="zh-CN", attributes=attributes)
    await deliver(desk.api.db, PEOPLE, *await desk.api.events())

    queue = (await desk.get("/v1/feedback"))["items"]
    assert sorted(each["channel"] for each in queue) == sorted(CHANNELS)
    assert all(each["locale"] == "zh-CN" and each["attributes"]["version"] == "5.2" for each in queue)
    people = (await desk.get("/v1/people"))["items"]
    assert len(people) == 7  # nobody was joined
    [suggestion] = (await desk.get("/v1/people-suggestions"))["items"]
    assert suggestion["reason"] == "same_email"
    assert {one["user_id"] for one in suggestion["people"]} == {"app-7", "shop-41"}

    app, shop = sorted(suggestion["people"], key=lambda one: one["user_id"])
    before = [await desk.get(f"/v1/people/{one['id']}") for one in (app, shop)]
    merged = await desk.client.post(f"/v1/people/{shop['id']}/merge", json={"into": app["id"]}, headers=desk.agent)
    assert merged.status_code == 200, merged.text
    theirs = (await desk.get("/v1/feedback", person=app["id"]))["items"]
    assert sorted(each["channel"] for each in theirs) == ["email", "form", "widget"]
    assert (await desk.get("/v1/people-suggestions"))["items"] == []

    parted = await desk.client.post(f"/v1/people/{shop['id']}/unmerge", headers=desk.agent)
    assert parted.status_code == 200, parted.text
    after = [await desk.get(f"/v1/people/{one['id']}") for one in (app, shop)]
    assert [one["identities"] for one in after] == [one["identities"] for one in before]
    assert [one["feedback_by_channel"] for one in after] == [one["feedback_by_channel"] for one in before]
    assert after[1]["merged_into_id"] is None
