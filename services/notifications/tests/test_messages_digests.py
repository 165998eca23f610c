"""Many digests at once: each with its own words and its own reason, whoever else is in the batch."""

from opsloop_notifications.digest_mails import service as digest_mails
from services.notifications.tests.test_digests import DAILY, HOUR, digests

__all__ = ["digests"]
SUBJECTS = (
    "SELECT string_agg(s ->> 'subject', '|' ORDER BY s ->> 'subject') FROM message, jsonb_array_elements(contents) AS s"
)


async def people(digests, count):
    found = [{"user_id": f"p{place}", "email": f"p{place}@example.test", "locale": "en"} for place in range(count)]
    ground = {"source": "form", "at": "2025-01-01T00:00:00Z"}
    await digests.post.call("POST", "/v1/recipients:batch", {"items": found, "consent": ground})
    return [each["user_id"] for each in found]


async def subject_of(digests, user):
    """Return the subject of the one digest that a person got, in their language."""
    rows = (await digests.post.call("GET", f"/v1/notifications?user_id={user}"))["items"]
    [told] = [row for row in rows if row["digest_id"] is None]
    contents = await digests.scalar(f"SELECT contents FROM message WHERE id = '{told['message_id']}'")
    return next(each["subject"] for each in contents if each["locale"] == told["locale"])


async def test_each_has_its_own_words_topic_language_and_reason(digests):
    await digests.post.topic("tips", digest=DAILY, name="Tips", name_zh="提示")
    await digests.post.person("u3", locale="zh-CN")
    await digests.tell("u1", "u2", "u3", subject="First")
    await digests.tell("u3", subject="Second")
    await digests.tell("u3", subject="A tip", topic="tips")
    await digests.post.prefer("u2", news=False)
    await digests.pass_by(HOUR)

    assert await subject_of(digests, "u1") == "News: 1 message"
    assert sorted(await digests.rows(user_id="u1")) == ["gathered", "pending"]
    assert await digests.rows(user_id="u2") == ["unsubscribed", "unsubscribed"]
    assert sorted(await digests.rows(user_id="u3")) == ["gathered"] * 3 + ["pending"] * 2
    chinese = await digests.scalar(f"{SUBJECTS} WHERE s ->> 'locale' = 'zh-CN'")
    assert sorted(chinese.split("|")) == sorted(
        ["新闻：1 条消息", "新闻：1 条消息", "新闻：2 条消息", "提示：1 条消息"]
    )
    assert sorted(await digests.mails()) == ["u1", "u3"]


async def test_what_says_the_same_is_written_once(digests, monkeypatch):
    written, words = [], digest_mails.words
    monkeypatch.setattr(digest_mails, "words", lambda *given: written.append(given) or words(*given))
    users = await people(digests, 30)
    await digests.tell(*users, subject="To all")
    await digests.tell(users[0], subject="To one")
    await digests.pass_by(HOUR)

    assert sorted(given[3] for given in written) == [1, 2]
    assert await subject_of(digests, users[0]) == "News: 2 messages"
    assert await subject_of(digests, users[1]) == "News: 1 message"


async def test_over_batches_each_person_is_told_once(digests, monkeypatch):
    monkeypatch.setattr(digest_mails, "BATCH", 4)
    users = await people(digests, 9)
    await digests.tell(*users)
    await digests.pass_by(HOUR)

    assert await digests.scalar("SELECT count(*) FROM message WHERE id IN (SELECT id FROM digest)") == len(users)
    assert sorted(await digests.mails()) == sorted(users)
    sent = [event for event in await digests.service.events() if event.type == "notification.sent"]
    assert sorted(event.data["user_id"] for event in sent) == sorted(users)
