"""What events and groups of alerts say to people, in both languages."""

import json
import re
from datetime import UTC, datetime
from typing import Literal, get_args, get_origin
from uuid import UUID

import pytest

from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.metrics import KpiBreached, KpiRecovered, Words
from opsloop_common.contracts.samples import sample
from opsloop_common.testing.events import make_event
from opsloop_notifications.alertmanager.rules import Told, notification
from opsloop_notifications.formats.sentences import LABELS, SENTENCES, VALUES
from opsloop_notifications.formats.words import message_of

ID = UUID("0198c0de-0000-7000-8000-000000000001")
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def document(event):
    return json.loads(event.to_bytes())


def breach(**fields):
    given = {
        "monitor_id": ID,
        "incident_id": ID,
        "kpi": "paid",
        "value": 0.183,
        "severity": "critical",
        "started_at": NOW,
    }
    return document(make_event(KpiBreached(**given | fields)))


def alert(name="Down", *, ended=False, severity="critical", summary="it is down", **labels):
    labels = {"alertname": name, "severity": severity} | labels
    return Told("f" * 16, labels, {"summary": summary}, NOW, NOW if ended else None, "https://grafana.example.test/d/1")


def told(*alerts, key="{}/{r}:{}", link="https://ops.example.test/"):
    return json.loads(
        notification(
            alerts,
            key=key,
            receiver="on call",
            reason="first notification",
            group_labels={},
            common_labels={},
            common_annotations={},
            external_url=link,
        )
    )


def test_every_public_type_has_a_sentence():
    assert SENTENCES.keys() == PUBLIC.keys() | {"webhook.test"}


@pytest.mark.parametrize("type", sorted(SENTENCES))
def test_both_languages_say_the_same(type):
    english, chinese = SENTENCES[type]

    assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", chinese))
    assert CHINESE.search(chinese)
    assert not CHINESE.search(english)


def test_both_languages_have_all_words():
    assert {name for name, (english, chinese) in VALUES.items() if not english or not CHINESE.search(chinese)} == set()


def choices(annotation):
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return {value for inner in get_args(annotation) for value in choices(inner)}


@pytest.mark.parametrize("type", sorted(PUBLIC))
def test_what_a_field_may_say_has_words_where_it_is_shown(type):
    shown = {*re.findall(r"{(\w+)}", SENTENCES[type][0]), *LABELS}
    said = {
        value
        for name, field in PUBLIC[type].model_fields.items()
        if name in shown
        for value in choices(field.annotation)
    }

    # those are names, the same in all languages
    assert said - VALUES.keys() - {"s1", "s2", "s3", "s4"} == set()


@pytest.mark.parametrize("type", sorted(PUBLIC))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_event_is_told_whole(type, language):
    message = message_of(document(sample(PUBLIC[type])), language)

    assert "–" not in message.title
    assert "{" not in message.title
    assert message.title.startswith(re.split(r"[{]", SENTENCES[type][language == "zh"])[0])
    assert message.lines[-1] == "acme · 2026-11-22 08:00 UTC"


@pytest.mark.parametrize(
    ("fields", "english", "chinese"),
    [
        (
            {"threshold": 0.2, "operator": "lt", "unit": "ratio", "kpi_name": "Visitors who pay"},
            "Visitors who pay is in alarm: 18.3%, alarm below 20%",
            "Visitors who pay 告警：18.3%，告警线：低于 20%",
        ),
        (
            {"value": 1234.5, "expected": 2000, "unit": "CNY"},
            "paid is in alarm: 1,234.5 CNY, expected 2,000 CNY",
            "paid 告警：1,234.5 CNY，预期 2,000 CNY",
        ),
        (
            {"value": 140, "words": Words(en="140, expected 651", zh="140，预期为651")},
            "paid is in alarm: 140 (140, expected 651)",
            "paid 告警：140（140，预期为651）",
        ),
        ({"value": 12, "unit": "%"}, "paid is in alarm: 12%", "paid 告警：12%"),
    ],
)
def test_a_breach_says_the_value_and_what_it_is_held_against(fields, english, chinese):
    assert message_of(breach(**fields), "en").title == english
    assert message_of(breach(**fields), "zh").title == chinese


def test_a_type_that_nobody_knows_is_told_by_its_name_and_subject():
    event = breach() | {"type": "moon.risen", "subject": "moon/1"}

    assert message_of(event, "en").title == "moon.risen: moon/1"
    assert message_of(event, "zh").title == "moon.risen：moon/1"


def test_an_incident_is_one_from_breach_to_recovery():
    over = KpiRecovered(monitor_id=ID, incident_id=ID, kpi="paid", severity="critical", started_at=NOW, ended_at=NOW)

    begin, end = message_of(breach(), "en"), message_of(document(make_event(over)), "en")

    assert (begin.action, end.action) == ("trigger", "resolve")
    assert begin.key == end.key == str(ID)
    assert end.title == "paid is out of alarm: –"


@pytest.mark.parametrize(
    ("type", "action"),
    [("alert.triggered", "trigger"), ("alert.acknowledged", "acknowledge"), ("alert.resolved", "resolve")],
)
def test_an_alert_is_one_from_its_begin_to_its_end(type, action):
    message = message_of(document(sample(PUBLIC[type])), "en")

    assert (message.action, message.key) == (action, sample(PUBLIC[type]).subject)


@pytest.mark.parametrize(
    ("severity", "means"), [("s1", "critical"), ("s2", "error"), ("s3", "warning"), ("s4", "info")]
)
def test_severities_of_feedback(severity, means):
    event = document(sample(PUBLIC["feedback.received"]))

    assert message_of(event | {"data": event["data"] | {"severity": severity}}, "en").severity == means


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://ops.example.test/api/x", "https://ops.example.test/api/x"),
        # what answers there is JSON, also below a path of its own; a page that only names such a place is one
        ("https://ops.example.test/api/metrics/v1/breaches/1", None),
        ("https://example.test/loop/api/notifications/", None),
        ("https://ops.example.test/api/metricsboard/1", "https://ops.example.test/api/metricsboard/1"),
        ("https://grafana.example.test/d/1?of=/api/metrics/v1", "https://grafana.example.test/d/1?of=/api/metrics/v1"),
        ("javascript:alert(1)", None),
        ("https://x/ y", None),
        ("https://x/\n", None),
        ("https://x/" + "a" * 1_000, None),
        (5, None),
        (None, None),
    ],
)
def test_only_addresses_of_pages_are_links(link, shown):
    assert message_of(breach() | {"link": link}, "en").link == shown


def test_words_of_others_are_one_line_of_bounded_length():
    title = message_of(breach(kpi_name="a\nb\u202e" + "x" * 5_000), "en").title

    assert title.startswith("a bxx")
    assert "…" in title
    assert len(title) <= 300


def test_people_are_counted_and_not_named():
    event = document(sample(PUBLIC["segment.entered"]))
    many = event | {"data": event["data"] | {"user_ids": ["someone"] * 1_200}}

    assert message_of(many, "en").title == "1,200 people came into the segment name"
    assert message_of(event, "en").title.startswith("1 person came")
    assert "someone" not in str(message_of(many, "zh"))


def test_a_group_of_alerts_says_how_many_and_which():
    group = told(alert("Down"), alert("Slow", severity="warning", summary=""), alert("Down", ended=True))

    english, chinese = message_of(group, "en"), message_of(group, "zh")

    assert english.title == "Alerts: 2 firing, 1 over (Down, Slow)"
    assert chinese.title == "告警：2 个触发、1 个已恢复（Down、Slow）"
    assert list(english.lines) == [
        "firing · Down · critical · it is down",
        "firing · Slow · warning",
        "over · Down · critical · it is down",
    ]
    assert chinese.lines[0] == "触发 · Down · 严重 · it is down"
    assert (english.action, english.severity) == ("trigger", "critical")
    assert english.link == "https://grafana.example.test/d/1"


def test_a_group_that_is_over_resolves_the_same():
    begin, end = message_of(told(alert()), "en"), message_of(told(alert(ended=True)), "en")

    assert (end.action, end.key) == ("resolve", begin.key)
    assert end.title == "Alerts: 1 over (Down)"
    assert message_of(told(alert(), key="another"), "en").key != begin.key


def test_of_many_alerts_some_are_named_and_all_are_counted():
    message = message_of(told(*(alert(f"A{n}") for n in range(130))), "zh")

    assert message.title == "告警：100 个触发（A0、A1、A2、A3、A4…）"
    assert (len(message.lines), message.lines[-1]) == (21, "…… 另有 110 个")


def test_an_alert_that_says_it_in_both_languages_says_one():
    said = {"summary": "backup is late", "summary_zh": "备份逾期"}
    late = Told("f" * 16, {"alertname": "Late"}, said, NOW, None, "")
    (english,), (chinese,) = (message_of(told(late), language).lines for language in ("en", "zh"))

    assert (english.rpartition(" · ")[2], chinese.rpartition(" · ")[2]) == ("backup is late", "备份逾期")


@pytest.mark.parametrize(
    ("notes", "english", "chinese"),
    [
        ({"value": "0.183", "threshold": "0.2", "unit": "ratio"}, "18.3%, threshold 20%", "18.3%，告警线 20%"),
        ({"value": "1234.5", "expected": "2e3", "unit": "CNY"}, "1,234.5 CNY, expected 2,000 CNY", "1,234.5 CNY，预期 2,000 CNY"),
        ({"value": "-7", "threshold": "much", "unit": ""}, "-7", "-7"),
        # whatever is no number stays with who reads the annotations
        ({"value": "[ var='A' ]", "threshold": "5"}, "critical", "严重"),
        ({"value": "1e999"}, "critical", "严重"),
        ({"value": "nan"}, "critical", "严重"),
        ({"value": "9" * 31}, "critical", "严重"),
        ({"value": "٣"}, "critical", "严重"),
        ({"threshold": "5", "expected": "6"}, "critical", "严重"),
    ],
)  # fmt: skip
def test_an_alert_says_its_numbers_where_it_has_them(notes, english, chinese):
    high = Told("f" * 16, {"alertname": "High", "severity": "critical"}, notes, NOW, None, "")
    (said,), (said_so,) = (message_of(told(high), language).lines for language in ("en", "zh"))

    assert said.rpartition(" · ")[2] == english
    assert said_so.rpartition(" · ")[2] == chinese


def test_a_unit_of_others_is_one_line_of_bounded_length():
    high = Told("f" * 16, {"alertname": "High"}, {"value": "1", "unit": "a\nb\u202e" + "x" * 5_000}, NOW, None, "")
    (line,) = message_of(told(high), "en").lines

    assert line.startswith("firing · High · 1 a bxx")
    assert len(line) <= 250


def test_a_group_without_names_or_links():
    bare = Told("f" * 16, {}, {}, NOW, None, "javascript:x")

    message = message_of(told(bare, link=""), "en")

    assert (message.title, message.link, message.severity) == ("Alerts: 1 firing (–)", None, "error")
