"""How a file is cut into rows, whatever the pieces it comes in, how its cells are named, and what its posts are then."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.foreign import Unreadable
from opsloop_feedback.feedback_imports.rules import (
    ROW_BYTES,
    TYPES,
    BadFile,
    FileType,
    Head,
    Place,
    as_utf8,
    before,
    came_with,
    column_of,
    counted,
    cut,
    head_of,
    mapping_of,
    named,
)
from opsloop_feedback.import_formats.rules import Format

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THEN = datetime(2024, 1, 1, tzinfo=UTC)


def read(data, *, piece, limit=3, delimiter=","):
    """Read a whole file in pieces, as the job does."""
    found, place = [], Place(0, 0)
    while place.at < len(data):
        part = data[place.at : place.at + piece]
        rows, place = cut(part, place, delimiter, is_last=place.at + len(part) == len(data), limit=limit)
        found += rows
    return found


CELLS = st.lists(st.text('ab,"\n用 ', max_size=6), min_size=1, max_size=4)


@given(st.lists(CELLS, max_size=12), st.integers(3, 40))
def test_any_csv_is_read_as_its_writer_meant_it(rows, limit):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)

    found = read(file.getvalue().encode(), piece=2 * ROW_BYTES, limit=limit)

    said = [row for row in rows if any(cell.strip() for cell in row)]
    assert [list(row.cells) for row in found] == said
    assert all(row.flaw is None for row in found)


def test_pieces_may_end_anywhere():
    rows = [[f"f{place}", 'a "b"\nc' * (place % 90)] for place in range(4_000)]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    data = file.getvalue().encode()

    for piece in (ROW_BYTES + 1, ROW_BYTES + 777, len(data)):
        found = read(data, piece=piece, limit=500)
        assert [list(row.cells) for row in found] == rows
        assert [row.number for row in found] == list(range(1, 4_001))


def test_lines_of_json_in_pieces():
    lines = [json.dumps({"body": f"post {place}"}) for place in range(5_000)]
    data = ("\n\n".join(lines) + "\n").encode()

    found = read(data, piece=ROW_BYTES + 1, limit=500, delimiter=None)

    assert [bytes(row.cells).strip().decode() for row in found] == lines
    assert found[1].number == 3


@pytest.mark.parametrize("delimiter", [",", None])
def test_a_row_that_is_too_long_costs_itself(delimiter):
    data = b"a\n" + b"x" * (ROW_BYTES + 1) + b"\nb\n"
    found = read(data, piece=4 * ROW_BYTES, delimiter=delimiter)
    assert [(row.number, row.flaw is None) for row in found] == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize("quoted", [b"x" * 140_000, b'"' + b"x" * 140_000 + b'"', b"a," + b"x" * 140_000])
def test_a_cell_longer_than_any_reader_takes_costs_its_row(quoted):
    found = read(b"a\n" + quoted + b"\nb\n", piece=4 * ROW_BYTES)
    assert [(row.number, row.flaw is None) for row in found] == [(1, True), (2, False), (3, True)]


def test_a_line_longer_than_any_piece_ends_all_the_same():
    data = b"a\n" + b"x" * (5 * ROW_BYTES) + b"\nb\n"
    found = read(data, piece=2 * ROW_BYTES, delimiter=None)
    assert (found[0].flaw, bytes(found[-1].cells)) == (None, b"b\n")
    assert {row.flaw for row in found[1:4]} != {None}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\n" + b"x," * 10, "body"),
        (b'"' + b"x" * (2 * ROW_BYTES), "names its columns"),
        (b"rating\n", "title"),
        (b"body" + b",x" * 200, "200 columns"),
    ],
)
def test_a_head_that_cannot_be_read(data, words):
    with pytest.raises(BadFile, match=words):
        head_of(data, FileType.CSV, Format.OPSLOOP, {})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_divides_the_cells_is_seen_in_the_head(delimiter):
    data = delimiter.join(["内容", "邮箱", '"a,b"']).encode() + b"\nx\n"
    head = head_of(data, FileType.CSV, Format.OPSLOOP, {})
    assert head == Head(("内容", "邮箱", "a,b"), ("body", "email", None), delimiter, len(data) - 2, 1)
    assert head_of(b"\n\n" + data, FileType.CSV, Format.OPSLOOP, {}).rows == 3
    for type in (FileType.JSON, FileType.NDJSON):
        assert head_of(b"{}", type, Format.OPSLOOP, {}) == Head()


@pytest.mark.parametrize(
    ("line", "mapping", "fields"),
    [
        (b"text,body\n", {}, ("body", None)),
        (b"text,body\n", {"body": "body"}, (None, "body")),
        (b"text,body\n", {"text": "note"}, ("note", "body")),
        (b"Plan,body\n", {"Plan": "attributes.plan"}, ("attributes.plan", "body")),
        (b"title\n", {}, ("title",)),
    ],
)
def test_each_field_is_one_column(line, mapping, fields):
    assert head_of(line + b"x,y\n", FileType.CSV, Format.OPSLOOP, mapping).fields == fields


def test_a_column_that_was_named_has_to_be_there():
    with pytest.raises(BadFile, match="lacks 1 of the columns"):
        head_of(b"body\nx\n", FileType.CSV, Format.OPSLOOP, {"secret words": "title"})


def test_columns_as_they_are_named():
    assert mapping_of([]) == {}
    assert mapping_of(["body: Feedback text ", "attributes.plan:Plan: now"]) == {
        "Feedback text": "body",
        "Plan: now": "attributes.plan",
    }
    for wrong in (["body"], [":x"], ["body:"], ["body: "], ["nothing:x"], ["body:x", "body:y"], ["body:x", "title:x"]):
        with pytest.raises(ValueError, match=r"must|names no field"):
            mapping_of(wrong)


def test_text_of_other_programs():
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        assert as_utf8("内容\r\nx\ry\n".encode(encoding)) == "内容\nx\ny\n".encode()
    for broken in (b"\xff\xff", b"\xff\xfe\x00\xd8"):
        with pytest.raises(BadFile, match="GB 18030"):
            as_utf8(broken)


HEAD = Head(
    ("Nr", "Text", "Mail", "Plan", "Antwort", "x"), ("external_id", "body", "email", "attributes.plan", "reply", None)
)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1", " It fails "], {"external_id": "1", "body": "It fails"}),
        (["", " ", "a@x.test", "pro", "", "left out"], {"email": "a@x.test", "attributes.plan": "pro"}),
        (["1", "", "", "", "", "", " ", ""], {"external_id": "1"}),
        ([], {}),
    ],
)
def test_cells_are_named(cells, said):
    assert named(cells, HEAD) == said


def test_a_cell_too_many():
    with pytest.raises(Unreadable):
        named(["1", "", "", "", "", "", "x"], HEAD)


@pytest.mark.parametrize(
    ("pointer", "column"),
    [
        ("/external_id", "Nr"),
        ("/author/email", "Mail"),
        ("/author", "Mail"),
        ("/author/name", None),
        ("/attributes/plan", "Plan"),
        ("/attributes.plan", "Plan"),
        ("/messages/0/body", "Antwort"),
        ("/body", "Text"),
        ("", None),
        ("/x", None),
    ],
)
def test_the_column_at_fault(pointer, column):
    assert column_of(pointer, HEAD) == column
    assert column_of(pointer, Head()) == (pointer or None)


def test_a_post_that_says_nothing_lacks_its_title_where_there_is_no_other_column():
    assert column_of("/body", Head(("Was",), ("title",))) == "Was"


@pytest.mark.parametrize("at", [None, THEN, NOW, NOW + timedelta(days=1), NOW - timedelta(microseconds=1)])
def test_messages_of_a_file_lie_before_it(at):
    assert before(at, NOW) < NOW
    assert before(at, NOW) == (THEN if at == THEN else NOW - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("status", "votes", "replied_at", "affected", "resolved_at"),
    [
        (None, 0, None, 1, None),
        ("open", 1, None, 1, None),
        ("resolved", 40, NOW, 40, NOW),
        ("resolved", 2, None, 2, THEN),
        ("closed", 2, NOW, 2, None),
    ],
)
def test_a_post_stands_where_it_stood(status, votes, replied_at, affected, resolved_at):
    row, import_id = {"occurred_at": THEN}, uuid4()

    came_with(row, import_id, status=status, votes=votes, replied_at=replied_at)

    assert row == {
        "occurred_at": THEN, "import_id": import_id, "status": status or "new", "affected_users": affected, "voters": affected - 1,
        "first_replied_at": replied_at, "resolved_at": resolved_at,
    }  # fmt: skip


def test_what_rows_came_to_is_counted():
    assert counted(["created", "existing", "created"]) == {"created": 2, "existing": 1}
    assert counted([]) == {"created": 0, "existing": 0}


def test_each_type_of_content_is_one_of_files():
    assert set(TYPES.values()) == set(FileType)
