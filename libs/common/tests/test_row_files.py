"""Files of rows are cut alike whatever the pieces they come in; what cannot be read costs itself."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.row_files import BadFile, Place, Row, as_utf8, cut, delimiter_of

MOST = 100


def read(data, *, piece=1_000, limit=3, delimiter=","):
    found, place = [], Place(0, 0)
    while place.at < len(data):
        part = data[place.at : place.at + piece]
        is_last = place.at + len(part) == len(data)
        rows, place = cut(part, place, delimiter=delimiter, is_last=is_last, limit=limit, row_bytes=MOST)
        found += rows
    return found


@given(
    st.lists(st.lists(st.text('ab,;"\n用', max_size=5), min_size=1, max_size=4), max_size=20),
    st.integers(2 * MOST, 5 * MOST),
    st.sampled_from([",", ";", "\t"]),
)
def test_any_table_is_read_as_its_writer_meant_it(rows, piece, delimiter):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", delimiter=delimiter).writerows(rows)

    found = read(file.getvalue().encode(), piece=piece, delimiter=delimiter)

    assert [list(row.cells) for row in found] == [row for row in rows if any(cell.strip() for cell in row)]


@given(st.binary(max_size=2_000), st.integers(2 * MOST, 400), st.sampled_from([",", None]))
def test_whatever_comes_is_read_to_its_end(data, piece, delimiter):
    found = read(data, piece=piece, delimiter=delimiter)
    assert [row.number for row in found] == sorted({row.number for row in found})


def test_a_quotation_mark_that_is_never_closed_costs_its_line_alone():
    data = b'a\n"b\n' + b"".join(b"row %d\n" % place for place in range(100))
    found = read(data)
    assert [row.flaw is None for row in found].count(False) == 1
    assert (found[1].number, bytes(str(found[2].cells[0]), "ascii")) == (2, b"row 0")


def test_blank_rows_count_and_are_left_out():
    assert read(b"a\n\n , \nb\n") == [Row(1, ["a"]), Row(4, ["b"])]
    assert read(b"a\n\nb\n", delimiter=None) == [Row(1, b"a\n"), Row(3, b"b\n")]


@pytest.mark.parametrize(("line", "delimiter"), [(b"a;b,c;d\n", ";"), (b"a\tb\n", "\t"), (b"a\n", ","), (b"", ",")])
def test_what_divides_cells_is_what_the_first_line_has_most(line, delimiter):
    assert delimiter_of(line, row_bytes=MOST) == delimiter


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_of_other_programs(encoding):
    assert as_utf8("内容\r\nx\ry".encode(encoding)) == "内容\nx\ny".encode()


@pytest.mark.parametrize("broken", [b"\xff\xff", b"\xff\xfe\x00\xd8", b"\xfe\xff\xdc"])
def test_what_is_no_text_is_refused(broken):
    with pytest.raises(BadFile):
        as_utf8(broken)


@pytest.mark.parametrize("delimiter", [",", None])
def test_a_row_that_is_too_long_costs_itself(delimiter):
    found = read(b"a\n" + b"x" * (MOST + 1) + b"\nb\n", delimiter=delimiter)
    assert [(row.number, row.flaw is None) for row in found] == [(1, True), (2, False), (3, True)]
    assert "longer than 100 bytes" in found[1].flaw


def test_a_cell_longer_than_the_reader_takes_costs_its_row():
    data = b"a\n" + b"x" * 200_000 + b"\nb\n"
    rows, place = cut(data, Place(0, 0), delimiter=",", is_last=True, limit=9, row_bytes=300_000)
    more, end = cut(data[place.at :], place, delimiter=",", is_last=True, limit=9, row_bytes=300_000)
    assert [row.flaw is None for row in rows] == [True, False]
    assert (more, end.at) == ([Row(3, ["b"])], len(data))


def test_what_may_go_on_behind_the_piece_is_left():
    rows, place = cut(b"a\nb", Place(0, 0), delimiter=",", is_last=False, limit=9, row_bytes=MOST)
    assert ([row.number for row in rows], place) == ([1], Place(2, 1))


@pytest.mark.parametrize(
    "row",
    [
        b"q," + b"x" * 131_073,  # a character more than csv takes in a cell
        b'q,"' + b"x" * 131_073 + b'"',
        b'q,"' + b"x" * 300_000,
        b'q,"' + b"x" * MOST + b"\n" + b"x" * 300_000,
        b'q,"' + b'""' * 200_000 + b'"',
        b"q," * 200_000,
    ],
)
def test_a_cell_longer_than_any_reader_takes_costs_its_own_row(row):
    found = read(b"good1,n\n" + row + b"\ngood2,n\n", piece=1_000_000)

    assert list(found[0].cells) == ["good1", "n"]
    assert found[1].flaw is not None
    assert b'"' in row or list(found[-1].cells) == ["good2", "n"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_office_programs_write_is_the_same_text(encoding, end):
    said = ["名称,内容", "导出,报表导出失败 é 😀", ""]

    assert as_utf8(end.join(said).encode(encoding)).decode().removeprefix("\ufeff") == "\n".join(said)


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x81\x20", bytes(range(128, 256))])
def test_what_is_no_text_is_no_file(data):
    with pytest.raises(BadFile):
        as_utf8(data)


@pytest.mark.parametrize("delimiter", [",", None])
def test_a_row_at_the_end_of_a_piece_is_left_for_the_next_one_unless_it_is_the_last(delimiter):
    piece = b"a\nb\nc\n"

    more, there = cut(piece, Place(10, 4), delimiter=delimiter, is_last=False, limit=9, row_bytes=MOST)
    all_, end = cut(piece, Place(10, 4), delimiter=delimiter, is_last=True, limit=9, row_bytes=MOST)

    assert ([row.number for row in more], there) == ([5, 6], Place(14, 6))
    assert ([row.number for row in all_], end) == ([5, 6, 7], Place(16, 7))


def test_no_more_rows_than_asked_for_and_the_rest_from_there():
    piece = b"a\nb\nc\n"

    first, there = cut(piece, Place(0, 0), delimiter=",", is_last=True, limit=2, row_bytes=MOST)
    rest, end = cut(piece[there.at :], there, delimiter=",", is_last=True, limit=2, row_bytes=MOST)

    assert [list(row.cells) for row in (*first, *rest)] == [["a"], ["b"], ["c"]]
    assert end == Place(6, 3)
