"""What a row of many changes of a person, by tables and by algebra; and what taking such rows back leaves."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.db import Context
from opsloop_notifications.recipients import service as recipients
from opsloop_notifications.recipients.rules import NOBODY, AddressState, Said, merged, over

AT = datetime(2025, 6, 1, tzinfo=UTC)
GROUND = ("checkout", AT)
NO_GROUND = (None, None)


def present(email=None, state="confirmed", source=None, **wanted):
    return {"email": email, "state": state, "consent_source": source, "wanted": wanted, "is_by_hand": False}


def address(changes):
    names = ("email", "state", "consent_source", "consent_at")
    return tuple(changes[name] for name in names) if "email" in changes else None


@pytest.mark.parametrize(
    ("before", "fields", "consent", "expected"),
    [
        (NOBODY, {}, None, (None, "confirmed", *NO_GROUND)),
        (NOBODY, {"email": "a"}, None, ("a", "unconfirmed", *NO_GROUND)),
        (NOBODY, {"email": "a"}, GROUND, ("a", "confirmed", *GROUND)),
        (present("a"), {"email": "a"}, None, None),
        (present("a"), {}, None, None),
        (present("a"), {"email": "a"}, GROUND, ("a", "confirmed", *GROUND)),
        (present("a", source="checkout"), {"email": "a"}, GROUND, None),
        (present("a", source="fair"), {"email": "a"}, GROUND, ("a", "confirmed", *GROUND)),
        (present("a", "unconfirmed"), {"email": "a"}, GROUND, ("a", "confirmed", *GROUND)),
        (present("a", "unconfirmed"), {"email": "a"}, None, None),
        (present("a", "bounced"), {"email": "a"}, GROUND, None),
        (present("a", "complained"), {"email": "a"}, GROUND, None),
        (present("a", "bounced"), {"email": "b"}, None, ("b", "unconfirmed", *NO_GROUND)),
        (present("a", "complained"), {"email": "b"}, GROUND, ("b", "confirmed", *GROUND)),
        (present("a", source="checkout"), {"email": "b"}, GROUND, ("b", "confirmed", *GROUND)),
        (present("a", source="checkout"), {"email": None}, None, (None, "confirmed", *NO_GROUND)),
        (present("a", "unconfirmed"), {"email": "b"}, None, ("b", "unconfirmed", *NO_GROUND)),
        (present(None), {"email": "b"}, None, ("b", "unconfirmed", *NO_GROUND)),
    ],
)
def test_which_address_there_is_afterwards(before, fields, consent, expected):
    changes, kept_address = merged(before, Said(fields, consent))

    assert address(changes) == expected
    assert not kept_address


def test_a_confirmed_address_stays_against_one_without_a_ground_and_the_rest_is_taken():
    changes, kept_address = merged(present("a"), Said({"email": "b", "name": "n", "locale": None}))

    assert (changes, kept_address) == ({"name": "n", "locale": None, "wanted": {}, "is_by_hand": True}, True)


@pytest.mark.parametrize(
    ("fields", "is_by_hand"),
    [({}, False), ({"name": "n", "time_zone": "UTC"}, False), ({"email": None}, True), ({"locale": "en"}, True)],
)
def test_who_is_given_an_address_or_a_language_is_there_by_hand(fields, is_by_hand):
    assert merged(NOBODY, Said(fields))[0]["is_by_hand"] is is_by_hand
    assert merged(present() | {"is_by_hand": True}, Said(fields))[0]["is_by_hand"]


@pytest.mark.parametrize(
    ("wanted", "wishes", "expected"),
    [
        ({}, {}, {}),
        ({}, {"news": True}, {"news": {"email": True}}),
        ({"news": {"email": False}}, {"news": True}, {"news": {"email": False}}),
        ({"news": {"inbox": False}}, {"news": True}, {"news": {"inbox": False, "email": True}}),
        ({"a": {"email": True}}, {"b": False}, {"a": {"email": True}, "b": {"email": False}}),
    ],
)
def test_a_row_speaks_for_those_who_said_nothing(wanted, wishes, expected):
    before = present("a", **wanted)
    copied = {topic: dict(channels) for topic, channels in wanted.items()}

    assert merged(before, Said(wishes=wishes))[0]["wanted"] == expected
    assert before["wanted"] == copied, "what was there is not changed under its owner"


def test_what_is_said_now_stands_in_the_place_of_what_was_said():
    before = {"a": {"email": True, "inbox": True}, "b": {"email": False}}
    assert over(before, {"a": {"email": False}, "c": {"sms": True}}) == {
        "a": {"email": False, "inbox": True}, "b": {"email": False}, "c": {"sms": True},
    }  # fmt: skip
    assert before["a"]["email"] is True


STATES = st.sampled_from([str(state) for state in AddressState])
EMAILS = st.sampled_from(["a", "b"])
PRESENT = st.builds(present, EMAILS, STATES, st.sampled_from([None, "checkout"])) | st.just(present())
SAID = st.builds(
    Said,
    st.fixed_dictionaries({}, optional={"email": EMAILS | st.none(), "name": st.sampled_from(["n", None])}),
    st.sampled_from([None, GROUND]),
    st.dictionaries(st.sampled_from(["x", "y"]), st.booleans()),
)


@given(PRESENT, SAID)
def test_the_same_row_again_changes_nothing_more(before, said):
    after = before | merged(before, said)[0]

    again = after | merged(after, said)[0]

    assert {name: again[name] for name in before} == {name: after[name] for name in before}


@given(PRESENT, SAID)
def test_nobody_becomes_confirmed_without_a_ground(before, said):
    after = before | merged(before, said)[0]

    is_another = after["email"] != before["email"] and after["email"] is not None
    if said.consent is None and is_another:
        assert after["state"] == AddressState.UNCONFIRMED
    if before["state"] in ("bounced", "complained") and not is_another and after["email"] is not None:
        assert after["state"] == before["state"]


@pytest.fixture
async def take(service):
    async def took(people, do=recipients.take_many):
        async with service.db.transaction(Context(workspace="acme")) as session:
            return await do(session, people)

    return took


async def test_what_is_foretold_is_what_comes(take):
    await take([("u1", Said({"name": "n"})), ("u2", Said({"email": "u2@example.test"}, GROUND))])
    rows = [
        ("u1", Said({"name": "n"})),
        ("u2", Said({"email": "other@example.test"})),
        ("u3", Said()),
        ("u1", Said({"name": "m"})),
        ("u1", Said({"name": "m"})),
        ("u3", Said({"locale": "zh-CN"})),
    ]

    foretold = await take(rows, recipients.foretell_many)
    taken = await take(rows)

    assert foretold == taken
    assert [(each.status, each.kept_address, each.version) for each in taken] == [
        ("existing", False, 1), ("existing", True, 1), ("created", False, 1),
        ("updated", False, 2), ("existing", False, 2), ("updated", False, 2),
    ]  # fmt: skip


async def test_who_is_taken_back_is_as_before(take, service):
    first = await take([("u1", Said({"name": "n"})), ("u2", Said())])
    second = await take([("u1", Said({"name": "m"})), ("u2", Said())])

    held = {user: (each.version, each.before) for user, each in zip(("u1", "u2"), second, strict=True)}
    undone = await take(held, recipients.take_back)
    gone = await take({"u2": (first[1].version, None), "u1": (1, None), "u9": (1, None)}, recipients.take_back)

    key = await service.key()
    shown = (await service.client.get("/v1/recipients", headers=key)).json()["items"]
    assert (undone, gone) == (2, 1)
    assert [(each["user_id"], each["name"]) for each in shown] == [("u1", "n")]
