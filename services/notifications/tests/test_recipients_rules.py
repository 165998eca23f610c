"""What follows from what is said of a person, by tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.recipients.rules import left_out, person_id, state_after, without_channel

WANTED = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.dictionaries(st.sampled_from(["email", "inbox"]), st.booleans(), min_size=1),
)


@pytest.mark.parametrize(
    ("present", "email", "new_email", "said", "expected"),
    [
        (None, None, "a@x.test", None, "confirmed"),
        (None, None, "a@x.test", "unconfirmed", "unconfirmed"),
        (None, None, None, None, "confirmed"),
        ("unconfirmed", "a@x.test", "a@x.test", None, "unconfirmed"),
        ("bounced", "a@x.test", "a@x.test", None, "bounced"),
        ("complained", "a@x.test", "b@x.test", None, "confirmed"),
        ("bounced", "a@x.test", None, None, "confirmed"),
        ("confirmed", "a@x.test", "a@x.test", "unconfirmed", "unconfirmed"),
        ("unconfirmed", "a@x.test", "a@x.test", "confirmed", "confirmed"),
    ],
)
def test_the_state_of_an_address_goes_with_it(present, email, new_email, said, expected):
    assert state_after(present, email, new_email, said) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({}, {"a": {"email": False}}, [("a", "email")]),
        ({"a": {"email": True}}, {"a": {"email": False}}, [("a", "email")]),
        ({"a": {"email": False}}, {"a": {"email": False}}, []),
        ({"a": {"email": False}}, {"a": {"email": False, "inbox": False}}, [("a", "inbox")]),
        ({"a": {"email": False}}, {}, []),
        ({}, {"b": {"email": False}, "a": {"inbox": False, "email": True}}, [("a", "inbox"), ("b", "email")]),
    ],
)
def test_what_is_not_wanted_any_more_is_told(before, after, expected):
    assert left_out(before, after) == expected


@given(WANTED, st.sampled_from(["a", "d"]), st.sampled_from(["email", "inbox"]))
def test_a_link_ends_its_topic_on_its_channel_and_nothing_else(before, topic, channel):
    copied = {name: dict(channels) for name, channels in before.items()}

    after = without_channel(before, topic, channel)

    assert after[topic][channel] is False
    assert before == copied, "what was there is not changed under its owner"
    assert without_channel(after, topic, channel) == after
    rest = {(name, each) for name, channels in after.items() for each in channels} - {(topic, channel)}
    assert all(after[name][each] == before[name][each] for name, each in rest)
    assert left_out(before, after) == ([] if before.get(topic, {}).get(channel) is False else [(topic, channel)])


def test_a_person_has_one_id_in_a_workspace_and_it_never_changes():
    assert person_id("acme", "u1") == person_id("acme", "u1")
    assert len({person_id("acme", "u1"), person_id("acme", "u2"), person_id("other", "u1")}) == 3
    # what stands in links of mails that were sent: no release may reckon it in another way
    assert str(person_id("acme", "u1")) == str(person_id("acme", "u1")).lower()
