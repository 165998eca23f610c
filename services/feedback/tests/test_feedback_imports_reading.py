"""What one row says, of whichever file, and why one is refused."""

import json
from datetime import UTC, datetime

import pytest

from opsloop_feedback.feedback_imports.reading import Batch, Post, Refused, as_lines, read_row
from opsloop_feedback.feedback_imports.rules import BadFile, Head, Row
from opsloop_feedback.feedback_imports.schemas import MESSAGES
from opsloop_feedback.import_formats.rules import Format

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = Head(("id", "text", "mail", "stars"), ("external_id", "body", "email", "rating"))


def read(cells, *, format=Format.OPSLOOP, head=HEAD, channel=None, tag=None):
    if isinstance(cells, dict):
        cells, head = json.dumps(cells).encode(), Head()
    return read_row(Row(2, cells), Batch(format, head, "partner", channel, tag), NOW)


def refused(cells, **given):
    found = read(cells, **given)
    assert isinstance(found, Refused)
    return found.faults[0].pointer, found.faults[0].detail


def test_rows_of_both_types_say_the_same():
    by_cells = read(["f1", "It fails", "a@x.test", "2"])
    by_object = read({"external_id": "f1", "body": "It fails", "author": {"email": "a@x.test"}, "rating": 2})

    assert isinstance(by_cells, Post)
    assert by_cells == by_object
    said = by_cells.said
    assert (said.source, said.channel, said.external_id, said.author_email, said.rating) == (
        "partner",
        "api",
        "f1",
        "a@x.test",
        2,
    )
    assert (by_cells.status, by_cells.votes, by_cells.messages) == (None, 0, ())


def test_the_tag_of_a_file_is_added_once():
    assert read({"external_id": "f", "body": "x", "tags": ["a"]}, tag="b").said.tags == ["a", "b"]
    assert read({"external_id": "f", "body": "x", "tags": ["b"]}, tag="b").said.tags == ["b"]


@pytest.mark.parametrize(
    ("value", "given", "channel"),
    [
        ({}, None, "api"),
        ({}, "phone", "phone"),
        ({"channel": "email"}, "phone", "email"),
        ({"channel": "email"}, None, "email"),
    ],
)
def test_the_channel_of_a_file_is_that_of_posts_that_say_none(value, given, channel):
    assert read({"external_id": "f", "body": "x"} | value, channel=given).said.channel == channel


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({}, "/body"),
        ({"body": ""}, "/body"),
        ({"body": "\u200b"}, "/body"),
        ({"body": 5}, "/body"),
        ({"body": "x" * 50_001}, "/body"),
        ({"body": "x", "external_id": ""}, "/external_id"),
        ({"body": "x", "external_id": "a/../b"}, "/external_id"),
        ({"body": "x", "external_id": None}, "/external_id"),
        ({"body": "x", "title": "x" * 301}, "/title"),
        ({"body": "x", "kind": "rant"}, "/kind"),
        ({"body": "x", "author": {"email": "a@b.test\r\nBcc: x@y.test"}}, "/author/email"),
        ({"body": "x", "author": {"phone": "1"}}, "/author/phone"),
        ({"body": "x", "rating": 6}, "/rating"),
        ({"body": "x", "rating": "5"}, "/rating"),
        ({"body": "x", "locale": "zh_CN"}, "/locale"),
        ({"body": "x", "tags": ["t"] * 51}, "/tags"),
        ({"body": "x", "attributes": {"a": "x" * 70_000}}, "/attributes"),
        ({"body": "x", "occurred_at": "yesterday"}, "/occurred_at"),
        ({"body": "x", "occurred_at": "2026-01-02T00:00:01Z"}, "/occurred_at"),
        ({"body": "x", "status": "merged"}, "/status"),
        ({"body": "x", "status": "done"}, "/status"),
        ({"body": "x", "votes": -1}, "/votes"),
        ({"body": "x", "votes": 10**9}, "/votes"),
        ({"body": "x", "messages": [{"kind": "reply"}]}, "/messages/0/body"),
        ({"body": "x", "messages": [{"kind": "shout", "body": "x"}]}, "/messages/0/kind"),
        ({"body": "x", "messages": [{"kind": "note", "body": "x"}] * (MESSAGES + 1)}, "/messages"),
        ({"body": "x", "source": "other"}, "/source"),
        ({"body": "x", "severity": "s1"}, "/severity"),
    ],
)
def test_why_a_post_is_refused(value, pointer):
    assert refused(value)[0] == pointer


@pytest.mark.parametrize(
    ("cells", "detail"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'{"body": "x", "body": "y"}', "must not contain a name twice"),
        (b'{"body": "a\\u0000"}', "must not contain NUL"),
        (b'{"body": ' + b"[" * 100 + b"]" * 100 + b"}", "must not be nested deeper than 35 levels"),
        (["f", "x", "", "", "more"], "has more cells than there are columns"),
        (["f", "a\0b"], "must not contain NUL"),
    ],
)
def test_a_row_that_cannot_be_read(cells, detail):
    head = Head() if isinstance(cells, bytes) else HEAD
    assert refused(cells, head=head)[1] == detail


def test_a_flaw_is_told_as_it_is():
    found = read_row(Row(3, flaw="is too long"), Batch(Format.OPSLOOP, HEAD, "s", None, None), NOW)
    assert isinstance(found, Refused)
    assert found.faults[0].detail == "is too long"


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("value", [b"1", b"null", b"[]", b'"x"', b"{}", b'{"id": {}, "tags": 5, "comments": [[]]}'])
def test_what_is_no_post_of_any_format_is_refused_and_nothing_breaks(format, value):
    assert isinstance(read(value, format=format, head=Head()), Refused)


def test_messages_of_exports_are_held_to_their_shape_too():
    comments = [{"value": "x" * 50_001, "author": {"name": "Bob", "isAdmin": True}}]
    post = {"id": "1", "title": "t", "details": "d", "comments": comments}
    assert refused(post, format=Format.CANNY)[0] == "/messages/0/body"


def test_a_formula_is_a_text():
    assert read(["=HYPERLINK(1)", "=cmd|' /C calc'!A0"]).said.body == "=cmd|' /C calc'!A0"


def test_a_list_becomes_lines_and_what_is_none_is_told():
    assert as_lines(b'[{"a": 1}, {"b": "\xe7\x94\xa8"}]') == b'{"a":1}\n{"b":"\xe7\x94\xa8"}\n'
    assert as_lines(b'{"posts": []}') == b""
    for data, words in (
        (b"{}", "holds no list"),
        (b"5", "holds no list"),
        (b"{", "not JSON"),
        (b'["\\ud800"]', "not JSON"),
        (b"[" + b"{}," * 60_000 + b"{}]", "too large"),
        (b"[" + b"1," * 300_000 + b"1]", "too large"),
        (b'["' + b"x" * (8 * 1024 * 1024) + b'"]', "too large"),
    ):
        with pytest.raises(BadFile, match=words):
            as_lines(data)
