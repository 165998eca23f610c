"""Placeholders, without a database."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_campaigns.content import rules as content


@pytest.mark.parametrize(
    "text",
    [
        "{{ event.data.kpi",
        "{{ event.data.kpi | upper }}",
        "{{ user.name }}",
        "{{ event }}",
        "{{ event.data }}",
        "{{ event.actor }}",
        "{{ event.data.kpi() }}",
        "{{ }}",
        "{{{ event.data.kpi",
        "{{{ event.data.kpi }}}",
        "{% if event.data.kpi %}",
        "{%- for x in y -%}",
        "{{#if event.data.kpi}}",
        "{{ event.data.__class__ . x }}",
        "{\u200b{ event.data.kpi }}",
        "{{ event.data\u200b.kpi }}",
        "｛｛ event.data.kpi ｝｝",
        "﹛﹛event.data.kpi﹜﹜",
        "{{ event.data.kpi }}}",
        "{ event.data.kpi }",
        "{event.id}",
        "｛event.data.kpi｝ and {{ event.data.kpi }}",
    ],
)
def test_unknown_placeholders_are_refused(text):
    assert content.placeholder_fault(text)


@pytest.mark.parametrize(
    "text", ["", "plain }}", "{ not one }", "{{event.id}}", "{{ event.link }}", "{{ event.data.area.名称 }} 好"]
)
def test_known_placeholders_are_taken(text):
    assert content.placeholder_fault(text) is None


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("data.kpi", "event.data.kpi"),
        ("kpi", "event.data.kpi"),
        ("Event.data.KPI", "event.data.kpi"),
        ("event.kpi", "event.data.kpi"),
        ("link", "event.link"),
        ("event.lnk", "event.link"),
        ("author.user_id", "event.data.author.user_id"),
    ],
)
def test_a_placeholder_without_its_beginning_is_told_with_it(path, meant):
    fault = content.placeholder_fault(f"{{{{ {path} }}}}")

    assert fault == f"{path} is no placeholder; did you mean {meant}?"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("支付", "支付"),
        (0.1 + 0.2, "0.3"),
        (3.0, "3"),
        (42, "42"),
        (True, "true"),
        (None, ""),
        (["a", 1], "a, 1"),
        ("2026-11-26T14:40:20Z", "Nov 26, 2026, 2:40:20\u202fPM (UTC)"),
        (["2026-11-26T14:40:20Z", "b"], "Nov 26, 2026, 2:40:20\u202fPM (UTC), b"),
        ({"a": 1}, '{"a":1}'),
        ("x" * 600, "x" * 499 + "…"),
        (12345678.5, "12,345,678.5"),
        (999999.5, "999,999.5"),
        (123456.78, "123,456.78"),
        (1000000, "1,000,000"),
        (1e16, "10,000,000,000,000,000"),
        ([1000, 0.5], "1,000, 0.5"),
    ],
)
def test_values_are_written_for_readers(value, shown):
    assert content.render("{{ event.data.a }}", {"data": {"a": value}}) == shown


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ event.data.kpi }} {{ event.time }}", None),
        ("{{ event.data.kpi }} {{ event.data.body }}", "data.body is no field of kpi.breached"),
        ("{{ event.data.kpi.name }}", "data.kpi.name is no field of kpi.breached; did you mean data.kpi_name?"),
    ],
)
def test_placeholders_name_fields_that_the_event_has(text, fault):
    found = content.unknown_field(text, "kpi.breached")

    assert found is None if fault is None else found.startswith(fault)


@pytest.mark.parametrize(
    ("text", "locale", "shown"),
    [
        ("{{ event.data.value }}", "en", "1,299.4 %"),
        ("{{ event.data.value }}", "de-DE", "1.299,4 %"),
        ("{{ event.data.value }}，{{ event.data.threshold }}", "zh-CN", "1,299.4 %，99 %"),
        ("{{ event.data.value }} {{ event.data.unit }}", "en", "1,299.4 %"),
        ("{{ event.data.value }}%, not {{ event.data.threshold }} %", "en", "1,299.4%, not 99 %"),
        ("{{ event.data.value }}％", "en", "1,299.4 %％"),
        ("{{ event.data.expected }}#{{ event.data.number }}", "en", "#12345"),
    ],
)
def test_measured_values_come_with_their_unit_once(text, locale, shown):
    data = {"value": 1299.4, "threshold": 99, "expected": None, "unit": "%", "number": 12345}
    message = {"channel": "email", "locale": locale, "subject": text, "body": text}

    [filled] = content.rendered([message], {"data": data})

    assert (filled["subject"], filled["body"]) == (shown, shown)


@pytest.mark.parametrize(
    ("locale", "zone", "shown"),
    [
        ("en", "UTC", "Nov 26, 2026, 2:40:20\u202fPM (UTC)"),
        ("en", "Asia/Shanghai", "Nov 26, 2026, 10:40:20\u202fPM (GMT+08:00)"),
        ("zh-CN", "Asia/Shanghai", "2026年11月26日 22:40:20 (GMT+08:00)"),
        ("de-DE", "America/New_York", "26.11.2026, 09:40:20 (GMT-05:00)"),
    ],
)
def test_times_are_written_for_readers_in_their_locale_and_the_workspaces_zone(locale, zone, shown):
    text = "{{ event.time }}|{{ event.data.started_at }}|{{ event.data.kpi }}"
    message = {"channel": "email", "locale": locale, "subject": text, "body": text}
    event = {
        "time": "2026-11-26T14:40:20.269724Z",
        "data": {"started_at": "2026-11-26T22:40:20+08:00", "kpi": "2026-11-26"},
    }

    [filled] = content.rendered([message], event, zone)

    assert filled["body"] == f"{shown}|{shown}|2026-11-26"


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_template(text, other):
    event = {"data": {"a": "{{ event.data.b }}" + text[:100], "b": other}}

    assert content.render("<{{ event.data.a }}>", event) == f"<{{{{ event.data.b }}}}{text[:100]}>"


def test_a_long_list_in_many_placeholders_is_written_once_and_cut():
    template = [{"locale": "en", "subject": "{{ event.data.a }}", "body": "{{ event.data.a }}" * 1_100}] * 7
    document = {"data": {"a": ["投诉"] * 20_000}}

    began = time.thread_time()
    (message, *_) = content.rendered(template, document)

    # each placeholder wrote all of the list before: 7,700 times 5 ms
    assert time.thread_time() - began < 0.2
    assert len(message["body"]) == content.BODY_CHARACTERS
    assert message["subject"].startswith("投诉, 投诉, ")


@pytest.mark.parametrize(
    ("unit", "text", "shown"),
    [
        ("s", "{} since", "1,299.4 s since"),
        ("s", "{} s since", "1,299.4 s since"),
        ("s", "{}s, or more", "1,299.4s, or more"),
        ("min", "{} minutes", "1,299.4 min minutes"),
        ("h", "{}h", "1,299.4h"),
        ("%", "{}% of all", "1,299.4% of all"),
        ("元", "{} 元整", "1,299.4 元整"),
        ("次", "{}次数", "1,299.4次数"),
        ("   ", "{}.", "1,299.4."),
        (" ms ", "{}.", "1,299.4 ms."),
        ("", "{}.", "1,299.4."),
    ],
)
def test_a_unit_is_said_once_and_ends_where_a_word_ends(unit, text, shown):
    event = {"data": {"value": 1299.4, "unit": unit}}

    assert content.render(text.format("{{ event.data.value }}"), event) == shown


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("{ event.data.x }", True),
        ("｛｛ name ｝｝", True),
        ("{\u2060{ name }}", True),
        ("{user_id}", False),
        ("{ not one }", False),
        ('{"a": {"b": 1}}', False),
    ],
)
def test_what_a_reader_takes_for_a_placeholder_is_one(text, looks):
    assert content.has_placeholder(text) is looks


def test_all_that_is_a_brace_to_a_reader_counts_as_one():
    braces = [chr(code) for code in range(0x80, 0x110000) if unicodedata.normalize("NFKC", chr(code)) == "{"]

    assert all(content.has_placeholder(2 * brace) for brace in braces)
    assert len(braces) == 3
