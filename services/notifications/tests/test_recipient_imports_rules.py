"""How a file is cut into rows, whatever the pieces it comes in, and how its cells are named."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.foreign import Unreadable
from opsloop_notifications.recipient_imports.rules import (
    HEADINGS,
    ROW_BYTES,
    BadFile,
    Format,
    Head,
    Place,
    as_utf8,
    column_of,
    cut,
    field_of,
    head_of,
    named,
)


def read(data, format, *, piece, limit=3, delimiter=","):
    """Read a whole file in pieces, as the job does."""
    found, place = [], Place(0, 0)
    while place.at < len(data):
        part = data[place.at : place.at + piece]
        rows, place = cut(part, place, format, delimiter, is_last=place.at + len(part) == len(data), limit=limit)
        found += rows
    return found


CELLS = st.lists(st.text('ab,"\n用 ', max_size=6), min_size=1, max_size=4)


@given(st.lists(CELLS, max_size=12), st.integers(3, 40))
def test_any_csv_is_read_as_its_writer_meant_it(rows, limit):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    data = file.getvalue().encode()

    found = read(data, Format.CSV, piece=2 * ROW_BYTES, limit=limit)

    said = [row for row in rows if any(cell.strip() for cell in row)]
    assert [list(row.cells) for row in found] == said
    assert all(row.flaw is None for row in found)


def test_pieces_may_end_anywhere():
    rows = [[f"u{place}", 'a "b"\nc' * (place % 50)] for place in range(3_000)]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    data = file.getvalue().encode()

    for piece in (ROW_BYTES + 1, ROW_BYTES + 777, len(data)):
        found = read(data, Format.CSV, piece=piece, limit=500)
        assert [list(row.cells) for row in found] == rows
        assert [row.number for row in found] == list(range(1, 3_001))


def test_lines_of_json_in_pieces():
    lines = [json.dumps({"user_id": f"u{place}"}) for place in range(5_000)]
    data = ("\n\n".join(lines) + "\n").encode()

    found = read(data, Format.NDJSON, piece=ROW_BYTES + 1, limit=500)

    assert [bytes(row.cells).strip().decode() for row in found] == lines
    assert found[1].number == 3


@pytest.mark.parametrize("format", list(Format))
def test_a_row_that_is_too_long_costs_itself(format):
    data = b"a\n" + b"x" * (ROW_BYTES + 1) + b"\nb\n"
    found = read(data, format, piece=4 * ROW_BYTES)
    assert [(row.number, row.flaw is None) for row in found] == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize(
    "row",
    [
        b"q," + b"x" * 131_073,  # a character more than csv takes in a cell
        b'q,"' + b"x" * 131_073 + b'"',
        b'q,"' + b"x" * 300_000,
        b'q,"' + b"x" * ROW_BYTES + b"\n" + b"x" * 300_000,
        b'q,"' + b'""' * 200_000 + b'"',
    ],
)
def test_a_cell_longer_than_any_reader_takes_costs_its_own_row(row):
    found = read(b"good1,n\n" + row + b"\ngood2,n\n", Format.CSV, piece=16 * ROW_BYTES)

    assert list(found[0].cells) == ["good1", "n"]
    assert found[1].flaw is not None
    assert b'"' in row or list(found[-1].cells) == ["good2", "n"]


def test_a_line_longer_than_any_piece_ends_all_the_same():
    data = b"a\n" + b"x" * (10 * ROW_BYTES) + b"\nb\n"
    found = read(data, Format.NDJSON, piece=2 * ROW_BYTES)
    assert (found[0].flaw, bytes(found[-1].cells)) == (None, b"b\n")
    assert {row.flaw for row in found[1:6]} != {None}


@pytest.mark.parametrize(("field", "heading"), [(field, each) for field, all in HEADINGS.items() for each in all])
def test_headings_are_known_whatever_their_case(field, heading):
    assert field_of(f" {heading.upper().replace('_', ' ')} ") == field


def test_no_heading_means_two_fields():
    headings = [each for all in HEADINGS.values() for each in all]
    assert len(set(headings)) == len(headings)
    assert field_of("nickname") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\n" + b"x," * 10, "user_id"),
        (b'"' + b"x" * (2 * ROW_BYTES), "names its columns"),
        (b"name\n", "user_id"),
        (b"user_id,id\n", "two columns for user_id"),
        (b"user_id" + b",x" * 100, "100 columns"),
    ],
)
def test_a_head_that_cannot_be_read(data, words):
    with pytest.raises(BadFile, match=words):
        head_of(data, Format.CSV)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_divides_the_cells_is_seen_in_the_head(delimiter):
    data = delimiter.join(["用户", "邮箱", '"a,b"']).encode() + b"\nu1\n"
    head = head_of(data, Format.CSV)
    assert head == Head(("用户", "邮箱", "a,b"), delimiter, len(data) - 3, 1)
    assert head_of(b"\n\n" + data, Format.CSV).rows == 3
    assert head.fields == ("user_id", "email", None)
    assert head_of(b"{}", Format.NDJSON) == Head()


def test_text_of_other_programs():
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        assert as_utf8("用户\r\nu1\ru2\n".encode(encoding)) == "用户\nu1\nu2\n".encode()
    with pytest.raises(BadFile, match="GB 18030"):
        as_utf8(b"\xff\xff")


HEAD = Head(("id", "note", "同意来源", "同意时间", "topics"))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["u1"], {"user_id": "u1"}),
        ([" u1 ", "x", " ", "", ""], {"user_id": "u1"}),
        (["", "x"], {}),
        (
            ["u1", "", "form", "2025-01-01"],
            {"user_id": "u1", "consent": {"source": "form", "at": "2025-01-01T00:00:00Z"}},
        ),
        (["u1", "", "", "then"], {"user_id": "u1", "consent": {"at": "then"}}),
        (
            ["u1", "", "", "", "news；-offers、 x"],
            {"user_id": "u1", "topics": {"news": True, "offers": False, "x": True}},
        ),
        (["u1", "", "", "", "", " ", ""], {"user_id": "u1"}),
    ],
)
def test_cells_are_named(cells, said):
    assert named(cells, HEAD) == said


def test_a_cell_too_many():
    with pytest.raises(Unreadable):
        named(["u1", "", "", "", "", "x"], HEAD)


@pytest.mark.parametrize(
    ("pointer", "column"),
    [
        ("/user_id", "id"),
        ("/consent/at", "同意时间"),
        ("/consent", None),
        ("/topics/Bad Key", "topics"),
        ("", None),
        ("/x", None),
    ],
)
def test_the_column_at_fault(pointer, column):
    assert column_of(pointer, HEAD) == column
    assert column_of(pointer, Head()) == (pointer or None)
