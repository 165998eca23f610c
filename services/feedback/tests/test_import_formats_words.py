"""The words of exports, one by one: headings, states, channels, tags, and whose a message is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.import_formats.headings import CHANNELS, HEADINGS, PLACES, STATUSES
from opsloop_feedback.import_formats.rules import (
    CHANNEL,
    FIELDS,
    Format,
    field_of,
    heading,
    row_of_cells,
    row_of_object,
)
from opsloop_feedback.states.rules import Status

ALL_HEADINGS = [
    (format, field, each) for format, names in HEADINGS.items() for field, all in names.items() for each in all
]


@pytest.mark.parametrize(("format", "field", "name"), ALL_HEADINGS)
def test_each_heading_is_known_as_programs_write_it(format, field, name):
    written = name.upper().replace("_", " ")
    assert field_of(written, Format(format), {}) == field
    assert field_of(written.replace(" ", "-"), Format(format), {}) == field


@pytest.mark.parametrize("format", list(Format))
def test_no_heading_means_two_fields(format):
    headings = [each for all in HEADINGS[format].values() for each in all]
    assert len(set(headings)) == len(headings)
    assert {heading(each) for each in headings} == set(headings)


def test_each_format_has_its_headings_its_places_and_its_channel():
    assert set(HEADINGS) == set(Format) == set(CHANNEL)
    assert set(PLACES) == set(Format) - {Format.OPSLOOP}
    assert {"user_id", "email", "name", "body", "title"} <= FIELDS


@pytest.mark.parametrize(("status", "word"), [(status, word) for status, words in STATUSES.items() for word in words])
def test_each_state_of_others_is_one_of_ours(status, word):
    said = row_of_cells({"body": "x", "status": word.upper().replace("_", " ")}, Format.OPSLOOP, None)
    assert said["status"] == status
    assert Status(status) is not Status.MERGED


@pytest.mark.parametrize(("word", "status"), [("Backlog", "open"), ("On our radar!", "open"), ("merged", "open")])
def test_a_state_that_nobody_knows_is_open_and_kept_in_its_words(word, status):
    said = row_of_cells({"body": "x", "status": word}, Format.OPSLOOP, None)
    assert (said["status"], said["attributes"]["original_status"]) == (status, word)


@pytest.mark.parametrize(("word", "channel"), CHANNELS.items())
def test_each_channel_of_a_conversation_is_one_of_ours(word, channel):
    assert row_of_object({"meta": {"channel": word.title()}}, Format.CHATWOOT, None)["channel"] == channel


@pytest.mark.parametrize("format", list(Format))
def test_a_channel_that_nobody_knows_is_that_of_the_format(format):
    said = row_of_cells({"body": "x"}, format, None)
    assert said["channel"] == CHANNEL[format]
    assert row_of_cells({"body": "x"}, format, "phone")["channel"] == "phone"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("a, b;c|d；e，f", ["a", "b", "c", "d", "e", "f"]),
        (" ; ", []),
        (["a", {"name": "b"}, {"title": "c"}], ["a", "b", "c"]),
        (5, [5]),
    ],
)
def test_tags_as_exports_write_them(given, read):
    assert row_of_cells({"body": "x", "tags": given}, Format.OPSLOOP, None)["tags"] == read


STAFF = {"name": "Bob", "isAdmin": True}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"value": "x", "author": STAFF}, "reply"),
        ({"value": "x", "author": STAFF, "internal": True}, "note"),
        ({"value": "x", "author": {"name": "Ann"}}, "note"),
        ({"value": "x"}, "note"),
        ({"content": "x", "user": {"name": "Bob", "role": "collaborator"}}, "reply"),
        ({"content": "x", "user": {"name": "Ann", "role": "visitor"}}, "note"),
        ({"content": "x", "message_type": 1}, "reply"),
        ({"content": "x", "message_type": 1, "private": True}, "note"),
        ({"content": "x", "message_type": 0}, "note"),
        ({"body": "x", "user": "Ann"}, "note"),
        ({"text": "x", "author": {"isAdmin": "yes"}}, "note"),
    ],
)
def test_whose_a_message_is(message, kind):
    said = row_of_object({"id": 1, "title": "t", "details": "d", "comments": [message]}, Format.CANNY, None)
    assert [each["kind"] for each in said["messages"]] == [kind]


@pytest.mark.parametrize("message", [{}, {"value": ""}, {"value": None}, {"content": "x", "message_type": 2}])
def test_what_says_nothing_is_no_message(message):
    said = row_of_object({"id": 1, "title": "t", "details": "d", "comments": [message]}, Format.CANNY, None)
    assert "messages" not in said


def test_what_is_no_message_at_all_is_left_for_the_shape_to_refuse():
    said = row_of_object({"id": 1, "title": "t", "details": "d", "comments": [7]}, Format.CANNY, None)
    assert said["messages"] == [7]


def test_the_title_stands_for_a_body_that_is_missing():
    assert row_of_cells({"title": "t"}, Format.CANNY, None)["body"] == "t"
    both = row_of_cells({"title": "t", "body": "b"}, Format.CANNY, None)
    assert (both["title"], both["body"]) == ("t", "b")


def test_of_two_links_only_that_of_google_play_names_its_review():
    link = "https://play.google.com/apps/publish?account=1#ReviewDetailsPlace:p=io.x&reviewid=gp:AOq"
    assert row_of_cells({"body": "x", "url": link}, Format.GOOGLE_PLAY, None)["external_id"] == "google_play:gp:AOq"
    assert row_of_cells({"body": "x", "url": link}, Format.APP_STORE, None)["external_id"].startswith("row:")
    assert row_of_cells({"body": "x", "url": "http://["}, Format.GOOGLE_PLAY, None)["external_id"].startswith("row:")


@pytest.mark.parametrize("format", [format for format in Format if format is not Format.OPSLOOP])
def test_ids_of_two_products_are_never_one(format):
    assert row_of_cells({"body": "x", "external_id": "7"}, format, None)["external_id"] == f"{format}:7"


OURS = {
    "title", "body", "locale", "area", "kind", "author", "channel", "attributes", "tags", "rating", "votes", "occurred_at", "status",
    "messages", "source_url", "external_id",
}  # fmt: skip
"""What a row may say once it was read."""
NAMES = sorted(
    {step for places in PLACES.values() for all in places.values() for each in all for step in each.split(".")}
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
OBJECTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@given(st.sampled_from([format for format in Format if format is not Format.OPSLOOP]), OBJECTS)
def test_whatever_an_object_holds_only_our_fields_come_of_it(format, value):
    said = row_of_object(value, format, None)
    assert not isinstance(value, dict) or set(said) <= OURS


@given(
    st.sampled_from(list(Format)),
    st.dictionaries(st.sampled_from(sorted({*FIELDS, "version", "device", "attributes.plan"})), st.text(min_size=1)),
)
def test_whatever_cells_hold_only_our_fields_come_of_them(format, cells):
    said = row_of_cells(cells, format, None)
    assert set(said) <= OURS
    assert said["external_id"]
    assert all(isinstance(value, str) for value in said["attributes"].values())


def nested(place, value):
    """Return an object that has a value at a place, and nothing else."""
    for step in reversed(place.split(".")):
        value = [None] * int(step) + [value] if step.isdigit() else {step: value}
    return value


@pytest.mark.parametrize(
    ("format", "field", "place"),
    [
        (format, field, place)
        for format, names in PLACES.items()
        for field, places in names.items()
        for place in places
        if field in ("title", "body", "locale", "area", "user_id", "email", "name", "url")
    ],
)
def test_each_place_of_an_object_is_read(format, field, place):
    said = row_of_object(nested(place, "found here"), Format(format), None)
    if field == "url":
        assert said["source_url"] == "found here"
    elif field in ("user_id", "email", "name"):
        assert said["author"] == {field: "found here"}
    else:
        assert said["body" if field == "title" else field] == "found here"


def test_a_reply_without_words_is_none_and_a_note_needs_no_name():
    said = row_of_cells(
        {"body": "x", "replied_by": "Bob", "replied_at": "2024-01-05", "note": "Ours"}, Format.OPSLOOP, None
    )
    assert said["messages"] == [{"kind": "note", "body": "Ours"}]
    assert "messages" not in row_of_cells({"body": "x", "replied_by": "Bob"}, Format.OPSLOOP, None)
    both = row_of_cells({"body": "x", "reply": "Yes", "replied_by": "Bob", "note": "Ours"}, Format.OPSLOOP, None)
    assert [each["kind"] for each in both["messages"]] == ["reply", "note"]
    assert both["messages"][0]["by"] == "Bob"
