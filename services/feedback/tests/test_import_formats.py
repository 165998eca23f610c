"""What exports of other products say, in the words of ours: as their programs write them."""

import pytest

from opsloop_feedback.import_formats import rules
from opsloop_feedback.import_formats.rules import Format, field_of, moment_of, number_of, row_of_cells, row_of_object


def of_csv(format, head, cells):
    columns = head.split(",")
    fields = [field_of(column, format, {}) for column in columns]
    return row_of_cells({name: cell for name, cell in zip(fields, cells, strict=True) if name and cell}, format, None)


FIDER_HEAD = (
    "number,title,description,created_at,created_by,votes_count,comments_count,status,responded_by,responded_at,response,"
    "original_number,original_title,tags"
)
PLAY_HEAD = (
    "Package Name,App Version Code,App Version Name,Reviewer Language,Device,Review Submit Date and Time,"
    "Review Submit Millis Since Epoch,Review Last Update Date and Time,Review Last Update Millis Since Epoch,Star Rating,"
    "Review Title,Review Text,Developer Reply Date and Time,Developer Reply Millis Since Epoch,Developer Reply Text,Review Link"
)
USERVOICE_HEAD = (
    "Idea ID,Idea Title,Idea Description,Idea Creator Email Address,Idea Creator Name,Forum Name,Labels,Public Status Name,"
    "Voters Count,Created Timestamp,Public Status Update Message,Public Status Updated Timestamp,User Email Address"
)


def test_fider_as_its_export_writes_it():
    cells = [
        "7", "Dark mode", "Please", "2024-01-05T08:00:00Z", "Ann", "12", "3", "completed", "Bob", "2024-02-01T08:00:00Z", "Done",
        "", "", "ui, night",
    ]  # fmt: skip

    assert of_csv(Format.FIDER, FIDER_HEAD, cells) == {
        "external_id": "fider:7", "title": "Dark mode", "body": "Please", "author": {"name": "Ann"}, "channel": "community",
        "attributes": {"original_status": "completed"}, "tags": ["ui", "night"], "votes": 12, "status": "resolved",
        "occurred_at": "2024-01-05T08:00:00+00:00",
        "messages": [{"kind": "reply", "body": "Done", "by": "Bob", "at": "2024-02-01T08:00:00+00:00"}],
    }  # fmt: skip


def test_fider_as_its_api_answers():
    post = {
        "id": 900, "number": 7, "title": "Dark mode", "description": "", "createdAt": "2024-01-05T08:00:00Z",
        "user": {"id": 1, "name": "Ann", "email": "ann@example.test", "role": "visitor"}, "votesCount": 0, "status": "open",
        "tags": ["ui"], "comments": [
            {"content": "Soon", "createdAt": "2024-01-06T08:00:00Z", "user": {"name": "Bob", "role": "administrator"}},
            {"content": "Yes!", "createdAt": "2024-01-07T08:00:00Z", "user": {"name": "Cy", "role": "visitor"}},
        ],
    }  # fmt: skip
    said = row_of_object(post, Format.FIDER, None)

    assert (said["body"], "title" in said, said["author"]) == (
        "Dark mode",
        False,
        {"email": "ann@example.test", "name": "Ann"},
    )
    assert [(each["kind"], each["by"]) for each in said["messages"]] == [("reply", "Bob"), ("note", "Cy")]
    assert (said["status"], said["votes"]) == ("open", 0)


def test_canny_as_its_api_answers_and_as_a_table():
    post = {
        "id": "553c3ef8b8cdcd1501ba1234", "title": "Export", "details": "As PDF", "created": "2024-01-05T08:00:00.000Z", "score": 48,
        "author": {"id": "55x", "userID": "u-7", "name": "Ann", "email": "ann@example.test"}, "board": {"name": "Features"},
        "category": None, "tags": [{"name": "pdf"}], "status": "under review", "url": "https://acme.canny.test/p/export",
        "comments": [{"value": "Ours", "internal": True, "author": {"name": "Bob", "isAdmin": True}, "created": "2024-01-06T00:00:00Z"}],
    }  # fmt: skip
    said = row_of_object(post, Format.CANNY, None)

    assert said == {
        "external_id": "canny:553c3ef8b8cdcd1501ba1234", "title": "Export", "body": "As PDF", "area": "Features", "channel": "community",
        "author": {"user_id": "u-7", "email": "ann@example.test", "name": "Ann"}, "tags": ["pdf"], "votes": 48, "status": "open",
        "attributes": {"original_status": "under review"}, "source_url": "https://acme.canny.test/p/export",
        "occurred_at": "2024-01-05T08:00:00+00:00",
        "messages": [{"kind": "note", "body": "Ours", "by": "Bob", "at": "2024-01-06T00:00:00+00:00"}],
    }  # fmt: skip
    table = of_csv(
        Format.CANNY,
        "Title,Details,Board,Status,Votes,Author Email,Post URL",
        ["Export", "As PDF", "Features", "closed", "1,204", "a@example.test", ""],
    )
    assert (table["votes"], table["status"], table["area"]) == (1204, "closed", "Features")
    assert table["external_id"].startswith("row:")


def test_uservoice_as_its_export_writes_it_with_a_row_for_each_voter():
    cells = [
        "991", "Offline", "On a plane", "ann@example.test", "Ann", "General", "a,b", "Started", "3", "2025-07-21 03:37:03", "On it",
        "2025-08-01 00:00:00", "voter@example.test",
    ]  # fmt: skip
    first = of_csv(Format.USERVOICE, USERVOICE_HEAD, cells)
    second = of_csv(Format.USERVOICE, USERVOICE_HEAD, [*cells[:-1], "other@example.test"])

    assert first == second
    assert (first["external_id"], first["votes"], first["status"], first["occurred_at"]) == (
        "uservoice:991", 3, "open", "2025-07-21T03:37:03+00:00",
    )  # fmt: skip
    assert first["author"] == {"email": "ann@example.test", "name": "Ann"}
    assert first["messages"][0]["kind"] == "reply"


def test_chatwoot_as_its_api_answers():
    conversation = {
        "id": 42, "status": "resolved", "created_at": 1_704_441_600, "labels": ["billing"],
        "meta": {"sender": {"id": 5, "name": "李雷", "email": "l@example.test", "identifier": "u-9"}, "channel": "Channel::WebWidget"},
        "messages": [
            {"id": 1, "content": "Conversation was opened", "message_type": 2, "created_at": 1_704_441_600},
            {"id": 2, "content": "付不了款", "message_type": 0, "created_at": 1_704_441_601, "sender": {"name": "李雷"}},
            {"id": 3, "content": "请稍等", "message_type": 1, "created_at": 1_704_441_700, "sender": {"name": "Anna"}},
            {"id": 4, "content": "Known bug", "message_type": 1, "private": True, "created_at": 1_704_441_800, "sender": {"name": "Anna"}},
            {"id": 5, "content": None, "message_type": 0, "created_at": 1_704_441_900},
            {"id": 6, "content": "谢谢", "message_type": 0, "created_at": 1_704_441_950, "sender": {"name": "李雷"}},
        ],
    }  # fmt: skip
    said = row_of_object(conversation, Format.CHATWOOT, None)

    assert (said["external_id"], said["body"], said["channel"], said["author"]["user_id"]) == (
        "chatwoot:42",
        "付不了款",
        "widget",
        "u-9",
    )
    assert [(each["kind"], each["body"]) for each in said["messages"]] == [
        ("reply", "请稍等"),
        ("note", "Known bug"),
        ("note", "谢谢"),
    ]
    assert (said["status"], said["occurred_at"]) == ("resolved", "2024-01-05T08:00:00+00:00")
    assert (
        row_of_object({**conversation, "meta": {"channel": "Channel::Pigeon"}}, Format.CHATWOOT, "email")["channel"]
        == "email"
    )


def test_reviews_of_google_play_as_the_report_and_the_api_have_them():
    link = "https://play.google.com/console/developers/1/app/2/user-feedback/review-details?reviewId=gp%3AAOq&corpus=PUBLIC_REVIEWS"
    cells = [
        "io.x", "42", "1.2.0", "en", "pixel7", "2024-01-05T08:00:00Z", "1", "2024-01-06T08:00:00Z", "2", "2", "", "Crashes",
        "2024-01-07T08:00:00Z", "3", "Sorry", link,
    ]  # fmt: skip
    said = of_csv(Format.GOOGLE_PLAY, PLAY_HEAD, cells)

    assert (said["external_id"], said["rating"], said["locale"], said["channel"]) == (
        "google_play:gp:AOq",
        2,
        "en",
        "store_review",
    )
    assert said["attributes"] == {"version": "1.2.0", "device": "pixel7", "platform": "android"}
    assert said["source_url"] == link
    assert said["messages"] == [{"kind": "reply", "body": "Sorry", "at": "2024-01-07T08:00:00+00:00"}]
    review = {
        "reviewId": "gp:AOq", "authorName": "Ann",
        "comments": [
            {"userComment": {"text": "\tCrashes", "lastModified": {"seconds": "1704441600"}, "starRating": 2, "reviewerLanguage": "en"}},
            {"developerComment": {"text": "Sorry", "lastModified": {"seconds": "1704441700"}}},
        ],
    }  # fmt: skip
    by_api = row_of_object(review, Format.GOOGLE_PLAY, None)
    assert (by_api["external_id"], by_api["rating"], by_api["occurred_at"]) == (
        "google_play:gp:AOq", 2, "2024-01-05T08:00:00+00:00",
    )  # fmt: skip
    assert "body" not in of_csv(Format.GOOGLE_PLAY, PLAY_HEAD, [*cells[:11], "", *cells[12:]])


def test_reviews_of_the_app_store_as_the_api_and_a_table_have_them():
    review = {
        "type": "customerReviews", "id": "00000028", "attributes": {
            "rating": 5, "title": "Good", "body": "Really", "reviewerNickname": "Ann", "createdDate": "2017-11-15T08:10:34-08:00",
            "territory": "USA",
        },
    }  # fmt: skip
    said = row_of_object(review, Format.APP_STORE, None)

    assert said == {
        "external_id": "app_store:00000028", "title": "Good", "body": "Really", "author": {"name": "Ann"}, "rating": 5,
        "channel": "store_review", "occurred_at": "2017-11-15T08:10:34-08:00", "attributes": {"country": "USA", "platform": "ios"},
    }  # fmt: skip
    table = of_csv(
        Format.APP_STORE,
        "Date,Rating,Title,Review,Author,Version",
        ["2024-01-05", "5.0", "Good", "Really", "Ann", "3.1"],
    )
    assert (table["rating"], table["attributes"]["version"], table["occurred_at"]) == (
        5,
        "3.1",
        "2024-01-05T00:00:00+00:00",
    )


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize(
    "value",
    [
        None, 1, "x", [], {}, {"author": []}, {"comments": {"a": 1}}, {"comments": [1, None, {}]}, {"tags": 7}, {"tags": [None, {}]},
        {"messages": [{"content": {}}]}, {"status": {}}, {"score": float("inf")}, {"created": 10**30}, {"created_at": True}, {"id": {}},
        {"createdAt": "x" * 10_000}, {"comments": [{"userComment": []}]}, {"attributes": 3}, {"review_link": "http://[", "user": 3},
    ],
)  # fmt: skip
def test_whatever_stands_there_is_read_without_an_error(format, value):
    rules.row_of_object(value, format, None)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2024-01-05", "2024-01-05T00:00:00+00:00"),
        ("2024-01-05 08:00:00 UTC", "2024-01-05T08:00:00+00:00"),
        ("2024/01/05", "2024-01-05T00:00:00+00:00"),
        ("2024-01-05T08:00:00+08:00", "2024-01-05T08:00:00+08:00"),
        (1_704_441_600, "2024-01-05T08:00:00+00:00"),
        ("1704441600", "2024-01-05T08:00:00+00:00"),
        (1_704_441_600_000, "2024-01-05T08:00:00+00:00"),
        ("1704441600000", "2024-01-05T08:00:00+00:00"),
        ("last week", "last week"), ("", ""), (True, True), (None, None), (10**40, 10**40), (float("nan"), None), ("123", "123"),
    ],
)  # fmt: skip
def test_times_as_exports_write_them(given, read):
    found = moment_of(given)
    assert found == read or (found != found and read is None)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("5", 5), ("5.0", 5), (" 7 ", 7), ("1,204", 1204), (4.0, 4), (4.5, 4.5), ("4.5", "4.5"),
        ("-1", "-1"), ("9" * 20, "9" * 20), (3, 3), ("٣", "٣"),
    ],
)  # fmt: skip
def test_numbers_as_exports_write_them(given, read):
    assert number_of(given) == read


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1], [1]), ({"posts": [1]}, [1]), ({"data": {"payload": [1]}}, [1]),
        ({"data": {"data": {"data": {"data": [1]}}}}, None), ({"a": [1]}, None), (1, None), ("x", None),
    ],
)  # fmt: skip
def test_lists_as_apis_wrap_them(value, found):
    assert rules.wrapped(value) == found


def test_of_mails_the_tags_go_and_what_is_written_stays():
    assert rules.plain("<p>1 &lt; 2 <b>yes</b></p>") == "1 &lt; 2 yes"
    assert rules.plain("a < b and c > d") == "a < b and c > d"
    assert len(rules.plain("<" * 50_000 + ">")) > 0


def test_headings_are_known_whatever_their_case_and_others_are_nothing():
    assert field_of("  Reply  ", Format.OPSLOOP, {}) == "reply"
    assert field_of("Star Rating", Format.GOOGLE_PLAY, {}) == "rating"
    assert field_of("attributes.plan", Format.OPSLOOP, {}) == "attributes.plan"
    assert field_of("attributes.plan", Format.CANNY, {}) is None
    assert field_of("Star Rating", Format.FIDER, {}) is None
    assert field_of("Was", Format.FIDER, {"Was": "body"}) == "body"
    assert rules.is_field("attributes.x")
    assert not rules.is_field("attributes.")
    assert not rules.is_field("version")


def test_a_row_without_an_id_is_named_by_what_it_says():
    one = row_of_cells({"body": "x", "occurred_at": "2024-01-05"}, Format.OPSLOOP, None)
    same = row_of_cells({"body": "x", "occurred_at": "2024-01-05", "tags": "a"}, Format.OPSLOOP, None)
    other = row_of_cells({"body": "x", "occurred_at": "2024-01-06"}, Format.OPSLOOP, None)

    assert one["external_id"] == same["external_id"] != other["external_id"]
    assert row_of_cells({"body": "x", "external_id": "e"}, Format.OPSLOOP, None)["external_id"] == "e"
