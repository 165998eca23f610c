"""What was told of people who were erased says nothing of them any more, and stays in its place and valid."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from opsloop_common import outbox
from opsloop_common.contracts.campaigns import MessageRequested
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.erasing import without
from opsloop_common.contracts.users import UserContactChanged, UserErased
from opsloop_common.db import Context
from opsloop_common.outbox import tables
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE

ID = uuid4()


def contact(user_id, **said):
    return UserContactChanged(contact_id=ID, user_id=user_id, **said)


def requested(*user_ids):
    return MessageRequested(campaign_id=ID, message_id=ID, channel="email", user_ids=list(user_ids), contents=[])


@pytest.mark.parametrize(
    ("data", "left"),
    [
        ({"user_id": "u", "email": "u@example.test", "locale": "zh"}, {"user_id": "~", "email": None, "locale": None}),
        ({"user_id": "u", "traits": {"城市": "上海"}, "n": 1}, {"user_id": "~", "traits": {}, "n": 1}),
        ({"user_id": "v", "email": "v@example.test"}, None),
        ({"author": {"user_id": "用户", "verified": True}}, {"author": {"user_id": None, "verified": True}}),
        ({"author": {"user_id": None}}, None),
        ({"author": None, "user_ids": None}, None),
        ({"user_ids": ["u", "v", "用户"]}, {"user_ids": ["v"]}),
        ({"user_ids": ["v"], "user_id": ["u"]}, None),
        ({}, None),
    ],
)
def test_what_is_left_of_an_event(data, left):
    event = make_event(contact("x")).model_copy(update={"data": data})
    found = without(event, ["u", "用户"])
    expected = left and {name: f"erased-{event.id}" if value == "~" else value for name, value in left.items()}
    assert (None if found is None else found.data) == expected
    assert found is None or (found.id, found.sequence) == (event.id, event.sequence)


def test_that_somebody_was_erased_stays():
    assert without(make_event(UserErased(erasure_id=ID, user_id="u", user_ids=["u"])), ["u"]) is None


async def told(db):
    async with db.transaction() as session:
        rows = await session.scalars(select(tables.outbox.c.payload).order_by(tables.outbox.c.id))
        return [Event.from_bytes(row.encode()) for row in rows]


async def test_only_the_streams_that_are_named_and_only_who_is_named_is_taken_out(make_database):
    sample_db = await make_database(SAMPLE)
    async with sample_db.transaction(Context("acme")) as session:
        outbox.append(session, contact("u", email="u@example.test"))
        outbox.append(session, contact("v", email="v@example.test"))
        outbox.append(session, requested("u", "v"))
    before = await told(sample_db)

    async with sample_db.transaction(Context("acme")) as session:
        await outbox.forget(session, [], ["u"])
        await outbox.forget(session, [contact("u").stream(), "contact/of nobody"], ["u"])

    asked, gone, other = await told(sample_db)
    assert [asked, other] == [before[0], before[2]], "another stream, and another person"
    assert gone.parse(UserContactChanged) == contact(f"erased-{gone.id}")
    assert gone.model_copy(update={"data": before[1].data}) == before[1]
