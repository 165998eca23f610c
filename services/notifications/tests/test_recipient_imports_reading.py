"""What one row says, of a batch or of a file, and why one is refused."""

from datetime import UTC, datetime

import pytest

from opsloop_notifications.recipient_imports.reading import Refused, read_line, read_row
from opsloop_notifications.recipient_imports.rules import Format, Head, Row, counted
from opsloop_notifications.recipient_imports.schemas import BATCH_ROWS, RecipientBatchIn
from opsloop_notifications.recipients.rules import Said

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = datetime(2025, 6, 1, tzinfo=UTC)
GROUND = {"source": "form", "at": "2025-06-01T00:00:00Z"}
DEFAULT = ("checkout", AT)
HEAD = Head(("user_id", "email", "topics"))


def read(value, consent=None):
    return read_row(value, consent=consent, now=NOW)


def line(cells, head=HEAD):
    return read_line(Row(2, cells), head, consent=None, now=NOW)


@pytest.mark.parametrize(
    ("value", "consent", "said"),
    [
        ({"user_id": "u"}, None, Said()),
        ({"user_id": "u", "name": None}, None, Said({"name": None})),
        ({"user_id": "u", "email": "a@x.test"}, None, Said({"email": "a@x.test"})),
        ({"user_id": "u", "email": "a@x.test"}, DEFAULT, Said({"email": "a@x.test"}, DEFAULT)),
        ({"user_id": "u", "email": "a@x.test", "consent": GROUND}, DEFAULT, Said({"email": "a@x.test"}, ("form", AT))),
        ({"user_id": "u", "email": None}, DEFAULT, Said({"email": None})),
        ({"user_id": "u", "consent": GROUND}, DEFAULT, Said()),
        ({"user_id": "u", "topics": {"a": True}}, None, Said(wishes={"a": True})),
    ],
)
def test_what_a_row_says(value, consent, said):
    assert read(value, consent) == ("u", said)


@pytest.mark.parametrize(
    ("value", "user_id", "pointer"),
    [
        (None, None, ""),
        ([], None, ""),
        ({}, None, "/user_id"),
        ({"user_id": 5}, None, "/user_id"),
        ({"user_id": "x" * 201}, None, "/user_id"),
        ({"user_id": "a/../b"}, "a/../b", "/user_id"),
        ({"user_id": "u", "email": "a@b.test\r\nBcc: x@y.test"}, "u", "/email"),
        ({"user_id": "u", "locale": "zh_CN"}, "u", "/locale"),
        ({"user_id": "u", "name": ""}, "u", "/name"),
        ({"user_id": "u", "time_zone": "localtime"}, "u", "/time_zone"),
        ({"user_id": "u", "state": "confirmed"}, "u", "/state"),
        ({"user_id": "u", "topics": ["a"]}, "u", "/topics"),
        ({"user_id": "u", "topics": {"a": "yes"}}, "u", "/topics/a"),
        ({"user_id": "u", "topics": {f"t{place}": True for place in range(101)}}, "u", "/topics"),
        ({"user_id": "u", "consent": {"source": "x"}}, "u", "/consent/at"),
        ({"user_id": "u", "consent": {"source": "", "at": GROUND["at"]}}, "u", "/consent/source"),
        ({"user_id": "u", "consent": {"source": "x", "at": "2026-01-01T00:05:01Z"}}, "u", "/consent/at"),
    ],
)
def test_why_a_row_is_refused(value, user_id, pointer):
    refused = read(value)

    assert isinstance(refused, Refused)
    assert (refused.user_id, refused.faults[0].pointer) == (user_id, pointer)


def test_a_clock_of_others_may_be_a_little_ahead():
    said = {"user_id": "u", "email": "a@x.test", "consent": {"source": "x", "at": "2026-01-01T00:04:59Z"}}
    assert not isinstance(read(said), Refused)


def test_the_nearest_language_is_told():
    assert "did you mean zh-CN?" in read({"user_id": "u", "locale": "zh_CN"}).faults[0].detail


@pytest.mark.parametrize(
    ("cells", "detail"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'{"user_id": "u", "user_id": "v"}', "must not contain a name twice"),
        (b'{"user_id": "a\\u0000"}', "must not contain NUL"),
        (b'{"user_id": ' + b"[" * 100 + b"]" * 100 + b"}", "must not be nested deeper than 35 levels"),
        (["u", "a@x.test", "", "more"], "has more cells than there are columns"),
    ],
)
def test_a_line_that_cannot_be_read(cells, detail):
    refused = line(cells)

    assert isinstance(refused, Refused)
    assert refused.faults[0].detail == detail


def test_a_flaw_is_told_as_it_is():
    refused = read_line(Row(3, flaw="is too long"), HEAD, consent=None, now=NOW)
    assert isinstance(refused, Refused)
    assert refused.faults[0].detail == "is too long"


def test_lines_of_both_formats_say_the_same():
    cells, written = ["u", "a@x.test", "news"], b'{"user_id": "u", "email": "a@x.test", "topics": {"news": true}}\n'
    assert line(cells) == line(written, Head()) == ("u", Said({"email": "a@x.test"}, None, {"news": True}))


def test_the_contract_has_the_shape_of_a_row_and_keeps_rows_as_they_came():
    document = RecipientBatchIn.model_json_schema()
    assert document["properties"]["items"]["maxItems"] == BATCH_ROWS
    topics = document["$defs"]["RecipientRow"]["properties"]["topics"]
    assert topics["additionalProperties"] == {"type": "boolean"}
    assert RecipientBatchIn.model_validate({"items": [1, None]}).items == [1, None]


def test_what_rows_came_to_is_counted():
    assert counted(["created", "existing", "created"]) == {"created": 2, "updated": 0, "existing": 1}
    assert [str(each) for each in Format] == ["csv", "ndjson"]
