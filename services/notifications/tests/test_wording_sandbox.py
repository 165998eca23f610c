"""Templates within their bounds: what Liquid says here, what it costs, and what it may not do."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.wording import sandbox
from opsloop_notifications.wording.sandbox import Budget, Faulty, Into, render


def said(source, data=None, into=Into.TEXT):
    return render(source, data or {}, into, Budget())


def fault(source, data=None, into=Into.TEXT):
    with pytest.raises(Faulty) as caught:
        said(source, data, into)
    return caught.value.why, caught.value.line


@pytest.mark.parametrize(
    ("source", "data", "expected"),
    [
        ("Hi {{ name }}", {"name": "<b>*x*"}, "Hi <b>*x*"),
        ("{{ user.name | upcase }}", {"user": {"name": "ann"}}, "ANN"),
        ("{% for x in l %}{{ x.n }};{% endfor %}", {"l": [{"n": 1}, {"n": 2}]}, "1;2;"),
        ("{% if a == 'x' %}y{% elsif b %}z{% else %}-{% endif %}", {"a": 1, "b": True}, "z"),
        ("{% case a %}{% when 'x' %}1{% else %}2{% endcase %}", {"a": "y"}, "2"),
        ("{% unless a %}no{% endunless %}", {"a": False}, "no"),
        ("{% assign n = l | size %}{{ n | plus: 1 }}", {"l": [1, 2]}, "3"),
        ("{{ missing | default: 'friend' }} {{ user.name | default: 'x' }}", {"user": {}}, "friend x"),
        ("{% comment %}{{ anything }}{% endcomment %}{% # a note %}ok", {}, "ok"),
        ("{{ '2026-11-27T10:00:00Z' | date: '%Y-%m-%d' }}", {}, "2026-11-27"),
        ("{{ l | uniq | sort | join: ', ' }}", {"l": ["b", "a", "b"]}, "a, b"),
        ("{{- a -}} b", {"a": 1}, "1b"),
        ("{{ true }}{{ nil }}{{ x }}", {"x": None}, "true"),
    ],
)
def test_what_is_said(source, data, expected):
    assert said(source, data) == expected


def test_values_are_plain_words_in_markdown_and_escaped_in_html():
    data = {"name": "<b>*x*\n\n# a [l](javascript:1)", "l": ["<i>", 1]}

    assert said("{{ name }}", data, Into.MARKDOWN) == "\\<b\\>\\*x\\* \\# a \\[l\\]\\(javascript\\:1\\)"
    assert said("<p>{{ name }}</p>", {"name": "<b>&\"'"}, Into.HTML) == "<p>&lt;b&gt;&amp;&#34;&#39;</p>"
    assert (
        said("{{ '<b>' | append: name }}{{ l | join: '-' }}", data | {"name": "<u>"}, Into.HTML)
        == "<b>&lt;u&gt;&lt;i&gt;-1"
    )


@pytest.mark.parametrize(
    ("source", "data", "why", "line"),
    [
        ("a\n\n{{ user.name }}", {"user": {}}, "the data has no user.name", 3),
        ("a\n{{ x }}", {}, "the data has no x", 2),
        ("a\n{% if x %}{% endif %}", {}, "the data has no x", 2),
        ("{% for i in x %}{% endfor %}", {}, "the data has no x", 1),
        ("\n{{ x.__class__ }}", {"x": "a"}, "the data has no x.__class__", 2),
        ("{{ now }}", {}, "the data has no now", 1),
        ("{{ 'now' | date: '%Y' }}", {}, "tells no time of its own: give date a time", 1),
        ("\n{{ a | nofilter }}", {"a": 1}, "unknown filter 'nofilter'", 2),
        ("{{ a | safe }}", {"a": 1}, "unknown filter 'safe'", 1),
        *(
            (f"{{% {tag} %}}", {}, f"there is no tag {tag.split()[0]}", 1)
            for tag in (
                "include 'x'",
                "render 'x'",
                "raw",
                "doc",
                "capture x",
                "cycle a",
                "liquid echo a",
                "increment x",
                "tablerow x in y",
                "foo",
            )
        ),
        ("{{ a", {}, "{{ is not closed by }}", 1),
        ("a\n{% for x in y %}{% if x %}\n{% endif %}", {}, "for is not closed by endfor", 2),
        ("{% if x %}\n{% endfor %}", {}, "endfor closes nothing", 2),
        ("{% endif %}", {}, "endif closes nothing", 1),
        ("{% comment %}{% if x %}{% foo %}", {}, "comment is not closed by endcomment", 1),
        ("\n{% if a", {}, "{% is not closed by %}", 2),
        ("{{ a {{ b }}", {}, "{{ is not closed by }}", 1),
        ("{{ a            | upcase }}", {}, "what stands in braces is too long, or has a wide gap", 1),
        ("{{ '" + "a" * 500 + "' }}", {}, "what stands in braces is too long, or has a wide gap", 1),
    ],
)
def test_what_cannot_be_said(source, data, why, line):
    assert fault(source, data) == (why, line)


LONG = "makes a value that is too long"
DEAR = "takes too many steps: shorten its loops"


@pytest.mark.parametrize(
    ("source", "data", "why"),
    [
        ("{% assign x = 'aaaaaaaaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 40, {}, LONG),
        ("{{ 'a' " + "| replace: 'a', 'aaaaaaaaaaaa' " * 12 + "}}", {}, LONG),
        ("{{ 'abc' | replace: '', x }}", {"x": "y" * 30_000}, LONG),
        ("{{ l | join: x }}", {"l": ["a"] * 100, "x": "y" * 30_000}, LONG),
        ("{% assign a = l %}" + "{% assign a = a | concat: a %}" * 9, {"l": ["a" * 30_000]}, LONG),
        ("{{ (1..1000000000) | join }}", {}, LONG),
        ("{{ l | uniq }}", {"l": list(range(2_000))}, "works on more than 1000 things at once"),
        ("{% assign x = 9 %}" + "{% assign x = x | times: x %}" * 40, {}, "makes a number that is too large"),
        ("{{ x | ceil }}", {"x": 1e308}, "makes a number that is too large"),
        ("{{ '1e999999999' | ceil }}", {}, "cannot be worked out"),
        ("{{ x | date: '%Y' }}", {"x": "9" * 100}, "gives date a value that is too long"),
        ("{% for i in (1..1000000000) %}{% endfor %}", {}, DEAR),
        ("{% for i in (1..400) %}{% for j in (1..400) %}{{ i }}{% endfor %}{% endfor %}", {}, DEAR),
        ("{% for i in (1..99) %}{% if l contains 'z' %}{% endif %}{% endfor %}" * 10, {"l": ["a"] * 16_000}, DEAR),
        ("{% for i in (1..99) %}{{ l | sort | size }}{% endfor %}" * 4, {"l": [str(n) for n in range(999)]}, DEAR),
        ("{{ a }}" * 12_000, {"a": 1}, DEAR),
        ("{{ x }}" * 10, {"x": "y" * 30_000}, "output stream limit reached"),
        ("{% if true %}" * 100 + "{% endif %}" * 100, {}, "block nesting limit reached"),
    ],
)
def test_what_would_cost_too_much_ends_soon(source, data, why):
    began = time.process_time()

    assert fault(source, data)[0] == why
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    "source",
    ["{{" * 10_000, "{%" * 10_000, "{{ " + " " * 19_000, "{{ '" + "a" * 19_000, "{% if a" + " and a" * 4_000 + " %}{% endif %}",
     "{{ a" + "[a" * 5_000 + "]" * 5_000 + " }}", "{% comment %}" * 1_500, "{% raw %}" * 2_000, "}}" * 10_000, "{" * 20_000],
)  # fmt: skip
def test_what_no_engine_should_read_takes_no_time(source):
    began = time.process_time()

    with suppress(Faulty):
        assert "{{" not in said(source)
    assert time.process_time() - began < 1.0


def test_all_parts_have_one_budget():
    budget = Budget(500)
    render("{{ a }}" * 10, {"a": 1}, Into.TEXT, budget)

    with pytest.raises(Faulty) as refused:
        render("{{ a }}" * 20, {"a": 1}, Into.TEXT, budget)
    assert refused.value.why == DEAR


def test_the_same_costs_the_same():
    spent = []
    for _ in range(2):
        budget = Budget()
        render("{% for x in l %}{{ x | upcase }}{% endfor %}", {"l": ["a", "b"]}, Into.HTML, budget)
        spent.append(budget.left)

    assert spent[0] == spent[1] < Budget().left


def test_what_a_template_asks_for():
    assert sandbox.variables("{{ a.b }}{% for x in l %}{{ x.c }}{% endfor %}{% assign q = 1 %}{{ q }}") == {"a", "l"}


@given(st.text(max_size=200), st.text(max_size=50))
def test_whatever_is_written_is_said_or_refused(source, value):
    for into in Into:
        with suppress(Faulty):
            assert isinstance(said(source, {"a": value}, into), str)


@given(st.text(alphabet="{}% ai=|'\n.fornd[]", max_size=60))
def test_nothing_but_a_fault_is_raised(source):
    with suppress(Faulty):
        assert isinstance(said(source, {"a": [1], "i": "x"}), str)
