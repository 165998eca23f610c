"""Files of events, cut into rows and read as messages: whatever they hold, under bounds, each row by itself."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.limits import IMPORT_COLUMNS, IMPORT_ROW_BYTES
from opsloop_metrics.capture.rules import Link, Message, MessageKind, Problem, Reason, Unreadable
from opsloop_metrics.event_files import rules
from opsloop_metrics.event_files.rules import Columns, Format
from services.metrics.tests.event_files import AT, COLUMNS, CSV, WHEN, json_row, message, problem, read_all


def test_a_row_of_a_csv():
    found = message(f"{CSV}Paid,{WHEN},u1,12.5\n")

    assert (found.kind, found.event, found.distinct_id) == (MessageKind.TRACK, "Paid", "u1")
    assert (found.time, found.is_identified, found.historical) == (AT, True, True)
    assert found.properties == {"amount": 12.5}
    assert rules.is_made_up(found.message_id)
    assert found.library == "import"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.50", 1.5),
        ("true", True),
        ("false", False),
        ("007", "007"),
        ("1e5", "1e5"),
        ("+1", "+1"),
        ("1,5", "1,5"),
        ("=1+1", "=1+1"),
        ("@SUM(A1)", "@SUM(A1)"),
        ('=HYPERLINK("http://x.example")', '=HYPERLINK("http://x.example")'),
        ("12345678901234567890", "12345678901234567890"),
        ("中文", "中文"),
        (" padded ", " padded "),
        ("null", "null"),
        ("TRUE", "TRUE"),
        ("a\nb", "a\nb"),
    ],
)
def test_a_cell_stays_what_it_is_unless_json_would_say_so(cell, expected):
    quoted = '"' + cell.replace('"', '""') + '"'
    found = message(f"{CSV}Paid,{WHEN},u1,{quoted}\n").properties["amount"]
    assert (found, type(found)) == (expected, type(expected))


def test_an_empty_cell_is_absent_and_an_id_stays_a_text():
    found = message(f"event,time,user_id,a,b\nPaid,{WHEN},0012,,x\n")
    assert (found.distinct_id, found.properties) == ("0012", {"b": "x"})
    assert message(f"event,time,user_id,a\nPaid,{WHEN},12\n").distinct_id == "12"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_line_ends_and_byte_order_marks(delimiter, end, mark):
    lines = [delimiter.join(row) for row in (("event", "time", "user_id", "plan"), ("Paid", WHEN, "u1", "专业版"))]
    found = message(mark + end.join(lines))
    assert (found.event, found.properties) == ("Paid", {"plan": "专业版"})


def test_columns_of_other_names():
    columns = Columns(event="Event Name", time="ts", user_id="uid", anonymous_id="device", message_id="key")
    found = message(f"ts,Event Name,uid,device,key,time\n{WHEN},Paid,u1,d1,k1,noon\n", columns=columns)

    assert (found.event, found.distinct_id, found.message_id) == ("Paid", "u1", "k1")
    assert found.links == (Link("d1", explicit=False),)
    assert found.properties == {"time": "noon"}
    assert rules.columns_of(columns.written()) == columns


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (
            "time,user_id",
            "no column 'event'; the file has time, user_id. Say which column it is by the parameter `event_column`.",
        ),
        ("event,user_id", "no column 'time'"),
        ("event,time,plan", "by the parameter `user_id_column` or `anonymous_id_column`."),
        ("event,time,user_id,plan,plan", "the column 'plan' is there more than once"),
        (",".join(["event", "time", "user_id", *map(str, range(10_000))]), "10003 columns; at most 1000"),
        ('event,time,"user_id', "a quote may be open"),
        ("", "no column 'event'; the file has none"),
        (
            "x" * 200_000,
            "the header (row 1) cannot be read: a cell has more than 131072 characters; a quote may be open",
        ),
    ],
)
def test_a_header_that_does_not_do(header, says):
    with pytest.raises(Unreadable) as refused:
        rules.head_of(f"{header}\nPaid,{WHEN},u1\n".encode(), Format.CSV, COLUMNS, is_whole=True)
    assert says in refused.value.detail


@pytest.mark.parametrize(
    ("given", "found", "called"),
    [
        ({}, ["事件", "时间", "用户", "匿名用户", "消息号"], ["事件", "时间", "用户", "匿名用户", "消息号"]),
        ({}, ["event", "事件", "时间", "user_id"], ["event", "时间", "user_id", "anonymous_id", "message_id"]),
        ({"time": "日期"}, ["事件", "时间", "日期", "用户"], ["事件", "日期", "用户", "anonymous_id", "message_id"]),
        ({"event": "时间"}, ["时间"], ["时间", "time", "user_id", "anonymous_id", "message_id"]),
        ({}, [], ["event", "time", "user_id", "anonymous_id", "message_id"]),
    ],
)
def test_columns_in_chinese_are_known_where_ours_are_not_there(given, found, called):
    assert list(Columns(**given).among(found).written().values()) == called


def test_as_many_columns_as_may_be_and_one_without_a_name():
    names = ["event", "time", "user_id", "", *(f"p{place}" for place in range(IMPORT_COLUMNS - 4))]
    row = ["Paid", WHEN, "u1", "x", *("1" for _ in range(IMPORT_COLUMNS - 4))]
    found = message(",".join(names) + "\n" + ",".join(row))
    assert found.properties["column_4"] == "x"
    assert len(found.properties) == IMPORT_COLUMNS - 3


@pytest.mark.parametrize(
    ("row", "reason", "says"),
    [
        (f",{WHEN},u1,", Reason.MISSING_EVENT, "event"),
        ("Paid,,u1,", Reason.BAD_TIME, "when it happened"),
        ("Paid,yesterday,u1,", Reason.BAD_TIME, "time"),
        ("Paid,1200-01-01,u1,", Reason.BAD_TIME, "before 1970"),
        (f"Paid,{WHEN},,", Reason.MISSING_ID, "who speaks"),
        (f"{'x' * 201},{WHEN},u1,", Reason.TOO_LARGE, "event"),
        (f"Paid,{WHEN},{'u' * 201},", Reason.TOO_LARGE, "user_id"),
        (f"Paid,{WHEN},u1,1,2", Reason.BAD_PROPERTIES, "5 cells and the file 4 columns"),
        (f"$group,{WHEN},u1,", Reason.UNKNOWN_TYPE, "$group"),
        (f"$identify,{WHEN},null,", Reason.BAD_ID, "nobody"),
        (f"Paid,{WHEN},u1,{'x' * 140_000}", Reason.UNREADABLE, "131072 characters"),
        (f"Paid,{WHEN},u1,a\rb", Reason.UNREADABLE, "a carriage return stands within a cell"),
        (f'Paid,{WHEN},u1,"open', Reason.UNREADABLE, "never closed"),
    ],
)
def test_a_row_that_is_refused_says_why_and_the_next_is_read(row, reason, says):
    found = problem(CSV + row)
    assert (found.reason, found.index) == (reason, 2)
    assert says in found.detail
    if "open" not in row:
        after = read_all(f"{CSV}{row}\nPaid,{WHEN},u2,\n")
        assert isinstance(after[3], Message), after


def test_blank_rows_count_and_say_nothing():
    found = read_all(f"{CSV}\n\nPaid,{WHEN},u1,1\n,,,\n\nPaid,{WHEN},u2,2\n\n")
    assert list(found) == [4, 7]
    assert list(read_all(f"\n\n{json_row()}\n \n", Format.JSONL)) == [3]


def test_a_page_a_screen_and_a_person_in_a_file():
    header = "event,time,user_id,url,referrer\n"
    page = message(f"{header}$pageview,{WHEN},u1,https://x.example/a,https://r.example/\n")
    assert (page.kind, page.url, page.referrer) == (MessageKind.PAGE, "https://x.example/a", "https://r.example/")
    assert message(f"{CSV}$screen,{WHEN},u1,\n").kind is MessageKind.SCREEN
    identify = message(f"event,time,user_id,plan\n$identify,{WHEN},u1,pro\n")
    assert (identify.kind, identify.traits_set) == (MessageKind.IDENTIFY, {"plan": "pro"})


def test_a_json_row():
    row = json_row(anonymous_id="a1", message_id="m1", plan="pro", properties={"amount": 5, "名": "值"}, n=None)
    found = message(row, Format.JSONL)

    assert (found.event, found.distinct_id, found.message_id, found.time) == ("Paid", "u1", "m1", AT)
    assert found.properties == {"plan": "pro", "amount": 5, "名": "值", "n": None}
    assert found.links == (Link("a1", explicit=False),)


@pytest.mark.parametrize("when", [1714979289, 1714979289000, "1714979289", 1714979289000000, "2024-05-06 07:08:09"])
def test_times_of_json_rows(when):
    assert message(json_row(time=when), Format.JSONL).time == AT


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", Reason.UNREADABLE),
        ('{"event": NaN}', Reason.UNREADABLE),
        ("[1]", Reason.NOT_AN_OBJECT),
        ('"text"', Reason.NOT_AN_OBJECT),
        ("null", Reason.NOT_AN_OBJECT),
        (json_row(event=5), Reason.MISSING_EVENT),
        (json_row(user_id={"a": 1}), Reason.BAD_ID),
        (json_row(user_id=True), Reason.BAD_ID),
        (json_row(time=None), Reason.BAD_TIME),
        (json_row(deep=json.loads("[" * 30 + "]" * 30)), Reason.TOO_DEEP),
        ('{"event":' + "[" * 2_000 + "]" * 2_000 + "}", Reason.UNREADABLE),
        ('{"event":' + "[" * 100_000, Reason.UNREADABLE),
        (json_row(big="x" * 950_000), Reason.TOO_LARGE),
    ],
)
def test_a_json_row_that_is_refused(row, reason):
    assert problem(row, Format.JSONL).reason is reason
    assert isinstance(read_all(f"{row}\n{json_row()}", Format.JSONL)[2], Message)


def test_nul_and_halves_of_characters_are_replaced():
    csv = message(f"{CSV}a\x00b,{WHEN},u1,x\x00y\n")
    assert (csv.event, csv.properties) == ("a\ufffdb", {"amount": "x\ufffdy"})
    row = message('{"event":"a\\u0000b","time":"' + WHEN + '","user_id":"u1","p":"\\u0000"}', Format.JSONL)
    assert (row.event, row.properties) == ("a\ufffdb", {"p": "\ufffd"})


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_bytes_that_are_no_utf_8_refuse_their_row_alone(format):
    good = f"Paid,{WHEN},u2,\n".encode() if format is Format.CSV else (json_row() + "\n").encode()
    bad = good.replace(b"Paid", b"P\xff\xfeid")
    filler = good * 10_000  # further in than what is looked at before
    start = CSV.encode() if format is Format.CSV else b""

    found = read_all(start + filler + bad + good, format)

    [(number, refused)] = [(number, each) for number, each in found.items() if isinstance(each, Problem)]
    assert number == 10_001 + (format is Format.CSV)
    assert (refused.reason, "UTF-8" in refused.detail) == (Reason.UNREADABLE, True)
    assert len(found) == 10_002


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "GB18030"), ("gb18030", "GB18030"), ("utf-16", "UTF-16"), ("utf-16-le", None), ("latin-1", "iconv")],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_another_encoding_is_named_and_how_to_convert_it(encoding, name, mark):
    text = "event,time,user_id,city\n付款,2024-05-06,u1,北京市朝阳区\n" if encoding != "latin-1" else "event,café\n"
    if encoding == "utf-16" and mark:
        pytest.skip("it has a mark of its own")
    data = mark + text.encode(encoding)
    with pytest.raises(Unreadable) as refused:
        rules.head_of(data, Format.CSV, COLUMNS, is_whole=True)
    assert (name or "") in refused.value.detail
    assert "UTF-8" in refused.value.detail or "column" in refused.value.detail


def test_a_character_cut_through_at_the_end_of_the_beginning_is_no_other_encoding():
    data = (CSV + "付" * 100).encode()
    assert rules.head_of(data[:-1], Format.CSV, COLUMNS, is_whole=False).names[0] == "event"
    with pytest.raises(Unreadable):
        rules.head_of(data[:-1], Format.CSV, COLUMNS, is_whole=True)


MIXED = "".join(
    [
        CSV,
        f"Paid,{WHEN},u1,1\r\n",
        f'Paid,{WHEN},u2,"two\nlines, ""quoted"""\n',
        "\n",
        f"Paid,{WHEN},,3\n",
        f"付款,{WHEN},用户,四\n",
        f"Paid,{WHEN},u5,5",
    ]
)


@pytest.mark.parametrize("limit", [1, 2, 1_000])
@pytest.mark.parametrize("piece", [150, 151, 153, 200, 10_000])
def test_where_pieces_end_makes_no_difference(piece, limit):
    assert read_all(MIXED, piece=piece, limit=limit) == read_all(MIXED)


@given(st.lists(st.text(alphabet='ab,"\n\r付\t;', max_size=12), max_size=12), st.integers(60, 200), st.integers(1, 5))
def test_any_cells_are_read_alike_in_any_pieces(cells, piece, limit):
    rows = "".join(f'Paid,{WHEN},u1,"{cell.replace(chr(34), chr(34) * 2)}"\n' for cell in cells)
    whole = read_all(CSV + rows)
    assert [each.properties.get("amount", "") for each in whole.values() if isinstance(each, Message)] == cells
    # a piece holds at least what a row may have
    assert read_all(CSV + rows, piece=max(piece, 120), limit=limit) == whole


@given(st.binary(max_size=300), st.sampled_from(list(Format)))
def test_any_bytes_are_read_or_refused(data, format):
    start = CSV.encode() if format is Format.CSV else b""
    try:
        found = read_all(start + data, format)
    except Unreadable:
        return
    assert all(isinstance(each, Message | Problem) for each in found.values())


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_a_row_of_ten_megabytes_is_passed_over_in_no_time(format):
    good = f"Paid,{WHEN},u1,\n" if format is Format.CSV else json_row() + "\n"
    long = "x" * (10 * IMPORT_ROW_BYTES)
    row = f"Paid,{WHEN},u1,{long}\n" if format is Format.CSV else json_row(long=long) + "\n"
    start = CSV if format is Format.CSV else ""
    began = time.perf_counter()

    found = read_all(start + good + row + good, format, piece=2 * IMPORT_ROW_BYTES)

    assert time.perf_counter() - began < 2
    assert [type(each) for each in found.values()] == [Message, Problem, Message]
    refused = list(found.values())[1]
    assert (refused.reason, "1048576 bytes" in refused.detail) == (Reason.TOO_LARGE, True)
    assert len(str(refused.raw)) <= rules.SHOWN_CHARACTERS


def test_a_quote_that_is_never_closed_costs_rows_and_not_the_file():
    row = f"Paid,{WHEN},u1,1\n"
    found = read_all(CSV + row + f'Paid,{WHEN},u1,"open\n' + row * 20_000, piece=2 * IMPORT_ROW_BYTES)

    refused = [each for each in found.values() if isinstance(each, Problem)]
    assert [each.reason for each in refused] == [Reason.UNREADABLE]
    assert len(found) > 15_000


def test_a_row_of_many_lines_beyond_all_bounds():
    cell = "x" * 1_000 + "\n"
    cells = ",".join(f'"{cell * 100}"' for _ in range(30))
    found = read_all(f"{CSV}Paid,{WHEN},u1,{cells}\nPaid,{WHEN},u2,2\n", piece=2 * IMPORT_ROW_BYTES)
    assert found[2].reason is Reason.TOO_LARGE
    assert all(isinstance(each, Problem) or each.distinct_id == "u2" for each in found.values()), "all of it is told"


@pytest.mark.parametrize("format", sorted(rules.TABLES))
def test_cells_of_tables_stay_texts_and_rooms_say_which_columns_lack(format):
    head = rules.head_of(b"day;count\n1;2.50\n", format, COLUMNS, is_whole=True)
    rows, place = rules.cut(b"1;2.50\n", rules.Place(), head, format, COLUMNS, is_last=True, limit=5)

    assert (head.names, [row.value for row in rows], place.rows) == (
        ("day", "count"),
        [{"day": "1", "count": "2.50"}],
        1,
    )


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("1;", {"day": "1", "count": ""}),
        (";2", {"day": "", "count": "2"}),
        ("1", {"day": "1", "count": ""}),
        ("1;2;;", {"day": "1", "count": "2"}),
    ],
)
def test_a_table_says_where_a_cell_is_empty(line, row):
    head = rules.Head(("day", "count"), ";")
    rows, _ = rules.cut(line.encode(), rules.Place(), head, Format.ORDERS, COLUMNS, is_last=True, limit=5)

    assert [each.value for each in rows] == [row]
