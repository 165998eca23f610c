"""Feedback comes in over HTTP: one row, one event, sorted at once."""

import asyncio


async def test_a_post_is_taken_in_sorted_and_told_of_once(desk):
    answer = await desk.client.post(
        "/v1/feedback",
        headers=desk.agent,
        json={
            "body": "支付失败，扣款两次！",
            "title": "付款",
            "channel": "store_review",
            "author": {"user_id": "u1", "email": "u1@example.com", "name": "小明"},
            "rating": 1,
            "locale": "zh-CN",
            "tags": ["vip", "vip", "ios"],
            "area": "checkout",
            "attributes": {"version": "5.2", "nested": {"a": [1, 2.5, None]}},
            "occurred_at": "2026-11-22T09:00:00+02:00",
            "external_id": "r-1",
        },
    )

    assert answer.status_code == 201, answer.text
    item = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"feedback/{item['id']}"
    assert item["kind"] == "bug"
    assert item["severity"] == "s1"
    assert -1 <= item["sentiment"] <= -0.5
    assert item["status"] == "new"
    assert item["number"] >= 1
    assert item["tags"] == ["vip", "ios"]
    assert item["attributes"] == {"version": "5.2", "nested": {"a": [1, 2.5, None]}}
    assert item["author"] == {"user_id": "u1", "email": "u1@example.com", "name": "小明", "verified": True}
    assert item["source"] == "test"
    assert item["occurred_at"] == "2026-11-22T07:00:00Z"
    assert item["created_at"] == item["updated_at"] == "2026-11-22T08:00:00Z"
    assert item["assignee"] is item["team"] is item["due_at"] is None
    assert {"field": "severity", "rule": "payment_failed", "words": ["支付失败", "扣款两次"]} in item["triage"][
        "reasons"
    ]
    assert await desk.get(f"/v1/feedback/{item['id']}") == item
    [event] = await desk.public()
    assert event.type == "feedback.received"
    assert event.subject == event.partitionkey == f"feedback/{item['id']}"
    assert (event.sequence, event.workspace, event.actor[:4]) == (1, "acme", "key:")
    assert event.data == {
        "feedback_id": item["id"],
        "number": item["number"],
        "kind": "bug",
        "severity": "s1",
        "sentiment": item["sentiment"],
        "rating": 1,
        "channel": "store_review",
        "source": "test",
        "locale": "zh-CN",
        "area": "checkout",
        "tags": ["vip", "ios"],
        "author": {"user_id": "u1", "verified": True},
        "occurred_at": "2026-11-22T07:00:00Z",
        "import_id": None,
    }


async def test_the_least_post_gets_defaults(desk):
    first, second = await desk.post(), await desk.post()

    assert first["channel"] == "api"
    assert first["tags"] == []
    assert first["attributes"] == {}
    assert first["author"] == {"user_id": None, "email": None, "name": None, "verified": True}
    assert first["occurred_at"] == first["created_at"]
    assert second["number"] > first["number"]


async def test_an_explicit_kind_wins_over_the_words(desk):
    item = await desk.post(body="The app crashes", kind="question")

    assert item["kind"] == item["triage"]["kind"] == "question"
    assert item["severity"] == "s1"
    assert item["triage"]["reasons"][0] == {"field": "kind", "rule": "submitter", "words": []}


async def test_a_known_external_id_answers_the_item_it_has(desk):
    first = await desk.post(external_id="x", channel="email")
    again = await desk.post(expect=200, external_id="x", channel="email", body="something else")
    other_channel = await desk.post(external_id="x", channel="phone")

    assert again == first
    assert other_channel["id"] != first["id"]
    assert await desk.types() == ["feedback.received"] * 2


async def test_an_external_id_belongs_to_its_workspace(desk):
    theirs = await desk.api.key(workspace="other")

    first = await desk.post(external_id="x")
    answer = await desk.client.post("/v1/feedback", json={"body": "b", "external_id": "x"}, headers=theirs)

    assert answer.status_code == 201
    assert answer.json()["id"] != first["id"]


async def test_fifty_posts_of_one_external_id_at_once_make_one_row_and_one_event(desk):
    async def post():
        return await desk.client.post("/v1/feedback", json={"body": "b", "external_id": "x"}, headers=desk.agent)

    answers = await asyncio.gather(*(post() for _ in range(50)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await desk.types() == ["feedback.received"]


async def test_fifty_posts_of_one_idempotency_key_at_once_make_one_row_and_one_event(desk):
    headers = desk.agent | {"Idempotency-Key": "k1"}

    async def post():
        return await desk.client.post("/v1/feedback", json={"body": "b"}, headers=headers)

    answers = await asyncio.gather(*(post() for _ in range(50)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    created = [answer for answer in answers if answer.status_code == 201]
    assert created
    assert len({answer.content for answer in created}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in created) == 1
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 409)
    assert await desk.types() == ["feedback.received"]


async def test_an_idempotency_key_replays_the_very_answer_and_refuses_another_body(desk):
    headers = desk.agent | {"Idempotency-Key": "k1"}
    said = {"body": "报表导出失败", "attributes": {"a": 1, "b": 2}}

    first = await desk.client.post("/v1/feedback", json=said, headers=headers)
    await desk.patch(first.json()["id"], status="open")
    again = await desk.client.post(
        "/v1/feedback", json={"attributes": {"b": 2, "a": 1}, "body": said["body"]}, headers=headers
    )
    other = await desk.client.post("/v1/feedback", json={"body": "other"}, headers=headers)

    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert other.status_code == 422
    assert other.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def test_an_idempotency_key_also_keeps_the_answer_of_a_known_external_id(desk):
    first = await desk.post(external_id="x")
    headers = desk.agent | {"Idempotency-Key": "k1"}

    known = await desk.client.post("/v1/feedback", json={"body": "b", "external_id": "x"}, headers=headers)
    await desk.patch(first["id"], status="open")
    again = await desk.client.post("/v1/feedback", json={"body": "b", "external_id": "x"}, headers=headers)

    assert known.status_code == again.status_code == 200
    assert again.json() == known.json() == first
    assert again.headers["idempotency-replayed"] == "true"


async def test_an_expired_idempotency_key_does_the_work_again(desk):
    headers = {"Idempotency-Key": "k1"}

    first = await desk.post(headers=headers)
    desk.api.clock.advance(24 * 3600 + 1)
    second = await desk.post(headers=headers)

    assert first["id"] != second["id"]


async def test_a_submit_key_may_only_submit(desk):
    widget = await desk.api.key("feedback:submit")
    item = await desk.post()

    posted = await desk.client.post("/v1/feedback", json={"body": "b"}, headers=widget)
    batch = await desk.client.post(
        "/v1/feedback:batch", json={"items": [{"body": "b", "external_id": "1"}]}, headers=widget
    )
    refused = [
        await desk.client.get("/v1/feedback", headers=widget),
        await desk.client.patch(f"/v1/feedback/{item['id']}", json={"status": "open"}, headers=widget),
        await desk.client.post(
            f"/v1/feedback/{item['id']}/messages", json={"kind": "note", "body": "n"}, headers=widget
        ),
    ]

    assert (posted.status_code, batch.status_code) == (201, 200)
    assert [answer.status_code for answer in refused] == [403] * 3
    # of what its own source posted it is told the receipt again, and what was said to the author
    receipt = await desk.client.get(f"/v1/feedback/{item['id']}", headers=widget)
    assert set(receipt.json()) == {"id", "number", "status", "external_id", "channel", "source", "created_at"}
    said = await desk.client.get(f"/v1/feedback/{item['id']}/messages", headers=widget)
    assert (said.status_code, said.json()["items"]) == (200, [])
    stranger = await desk.api.key("feedback:submit", name="stranger", source="stranger")
    for path in (f"/v1/feedback/{item['id']}", f"/v1/feedback/{item['id']}/messages"):
        assert (await desk.client.get(path, headers=stranger)).status_code == 404


async def test_malformed_posts_name_the_field(desk):
    deep: object = 1
    for _ in range(33):
        deep = [deep]
    cases = [
        ({}, "/body"),
        ({"body": ""}, "/body"),
        ({"body": " \n\t"}, "/body"),
        ({"body": "\x07"}, "/body"),
        ({"body": "x" * 50_001}, "/body"),
        ({"body": 7}, "/body"),
        ({"body": "b", "kind": "rant"}, "/kind"),
        ({"body": "b", "channel": "fax"}, "/channel"),
        ({"body": "b", "rating": 0}, "/rating"),
        ({"body": "b", "rating": 6}, "/rating"),
        ({"body": "b", "rating": "5"}, "/rating"),
        ({"body": "b", "rating": True}, "/rating"),
        ({"body": "b", "author": {"email": "nobody"}}, "/author/email"),
        ({"body": "b", "author": {"email": "\u2060a@example.com"}}, "/author/email"),
        ({"body": "b", "author": {"email": "a@xn--zzzzzz999.com"}}, "/author/email"),
        ({"body": "b", "author": {"phone": "1"}}, "/author/phone"),
        ({"body": "b", "locale": "not a locale"}, "/locale"),
        ({"body": "b", "tags": ["t"] * 51}, "/tags"),
        ({"body": "b", "tags": [""]}, "/tags/0"),
        ({"body": "b", "attributes": {"a": "x" * 65_536}}, "/attributes"),
        ({"body": "b", "attributes": {"a": deep}}, None),
        ({"body": "b", "occurred_at": "yesterday"}, "/occurred_at"),
        ({"body": "b", "occurred_at": "2026-11-22T08:00:00"}, "/occurred_at"),
        ({"body": "b", "occurred_at": "2026-11-24T08:00:00Z"}, "/occurred_at"),
        ({"body": "b", "external_id": ""}, "/external_id"),
        ({"body": "b", "severity": "s1"}, "/severity"),
    ]
    for said, pointer in cases:
        answer = await desk.client.post("/v1/feedback", json=said, headers=desk.agent)
        assert answer.status_code == 422, (said.keys(), answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert pointer is None or pointer in pointers, (said.keys(), pointers)
    assert await desk.types() == []


async def test_the_largest_body_is_taken_and_broken_text_is_cleaned(desk):
    largest = await desk.post(body="崩溃" * 25_000)
    broken = await desk.post(body="\ufeffa\x08b\x7f\r\n\tc \u202e 👩‍👩‍👧", title="\x1b[31mred")

    assert len(largest["body"]) == 50_000
    assert largest["severity"] == "s1"
    assert broken["body"] == "ab\r\n\tc \u202e 👩‍👩‍👧"
    assert broken["title"] == "[31mred"


async def test_a_batch_takes_valid_rows_and_says_what_is_wrong_with_others(desk):
    known = await desk.post(external_id="known")
    items = [
        {"body": "App 闪退", "external_id": "a"},
        {"body": "", "external_id": "b"},
        {"body": "again", "external_id": "known"},
        {"body": "of no name"},
        {"body": "twin of a", "external_id": "a"},
        {"body": "other channel", "external_id": "a", "channel": "email"},
        {"body": "later", "external_id": "f", "occurred_at": "2027-01-01T00:00:00Z"},
        "nonsense",
        {"body": "b", "external_id": "g", "rating": 9, "author": {"email": "x"}},
    ]

    answer = await desk.client.post("/v1/feedback:batch", json={"items": items}, headers=desk.agent)

    assert answer.status_code == 200, answer.text
    rows = answer.json()["items"]
    assert [row["status"] for row in rows] == [
        "created",
        "invalid",
        "existing",
        "invalid",
        "existing",
        "created",
        "invalid",
        "invalid",
        "invalid",
    ]
    assert [row["external_id"] for row in rows] == ["a", "b", "known", None, "a", "a", "f", None, "g"]
    assert rows[2]["id"] == known["id"]
    assert rows[4]["id"] == rows[0]["id"]
    assert [error["pointer"] for error in rows[8]["errors"]] == ["/author/email", "/rating"]
    assert rows[6]["errors"][0]["pointer"] == "/occurred_at"
    assert all((row["id"] is None) == (row["status"] == "invalid") == bool(row["errors"]) for row in rows)
    listed = (await desk.get("/v1/feedback"))["items"]
    assert [item["body"] for item in listed] == ["other channel", "App 闪退", "The export fails."]
    assert await desk.types() == ["feedback.received"] * 3


async def test_a_batch_of_a_thousand_lands_and_one_more_is_refused(desk):
    items = [{"body": f"第{n}条：加载很慢", "external_id": str(n)} for n in range(1_000)]

    landed = await desk.client.post("/v1/feedback:batch", json={"items": items}, headers=desk.agent)
    again = await desk.client.post("/v1/feedback:batch", json={"items": items}, headers=desk.agent)
    more = await desk.client.post(
        "/v1/feedback:batch", json={"items": [*items, {"body": "b", "external_id": "x"}]}, headers=desk.agent
    )
    none = await desk.client.post("/v1/feedback:batch", json={"items": []}, headers=desk.agent)

    assert {row["status"] for row in landed.json()["items"]} == {"created"}
    assert {row["status"] for row in again.json()["items"]} == {"existing"}
    assert [row["id"] for row in again.json()["items"]] == [row["id"] for row in landed.json()["items"]]
    assert (more.status_code, none.status_code) == (422, 422)
    events = await desk.api.events()
    assert len(events) == 1_000
    assert len({event.partitionkey for event in events}) == 1_000


async def test_batches_that_share_rows_do_not_deadlock(desk):
    items = [{"body": "b", "external_id": str(n)} for n in range(60)]

    async def post(rows):
        return await desk.client.post("/v1/feedback:batch", json={"items": rows}, headers=desk.agent)

    answers = await asyncio.gather(*(post(items if n % 2 else items[::-1]) for n in range(6)))

    assert [answer.status_code for answer in answers] == [200] * 6
    statuses = [row["status"] for answer in answers for row in answer.json()["items"]]
    assert statuses.count("created") == 60
    assert len(await desk.api.events()) == 60


async def test_attributes_may_have_32_levels_and_no_more(desk):
    def nested(levels: int) -> object:
        return {"a": nested(levels - 1)} if levels else 1

    taken = await desk.post(attributes=nested(32))
    refused = await desk.post(expect=422, attributes=nested(33))

    assert taken["attributes"] == nested(32)
    assert refused["errors"][0]["pointer"].startswith("/attributes")
