"""Each filter and tag that templates may use, on what people give them; and the pieces of a message that are made of it."""

import pytest

from opsloop_common import limits
from opsloop_notifications.wording import layout, markdown, rules
from opsloop_notifications.wording.rules import Unsayable, parts_of, say
from opsloop_notifications.wording.sandbox import FILTERS, TAGS, Budget, Faulty, Into, plain_words, read, render

DATA = {
    "n": -7,
    "price": 12.5,
    "name": "ann lee",
    "void": "",
    "nothing": None,
    "words": "one two three four",
    "padded": "  in  the   middle ",
    "list": ["b", "A", "c", "A", None],
    "numbers": [3, 1, 2],
    "items": [
        {"name": "Pen", "price": 3, "gone": False},
        {"name": "Book", "price": 20, "gone": True},
        {"name": "Cup", "price": 7, "gone": False},
    ],
    "at": "2026-11-27T10:05:00Z",
}
BY_FILTER = {
    "abs": ("{{ n | abs }}", "7"),
    "append": ("{{ name | append: '!' }}", "ann lee!"),
    "at_least": ("{{ n | at_least: 0 }}", "0"),
    "at_most": ("{{ price | at_most: 10 }}", "10"),
    "capitalize": ("{{ name | capitalize }}", "Ann lee"),
    "ceil": ("{{ price | ceil }}", "13"),
    "compact": ("{{ list | compact | size }}", "4"),
    "concat": ("{{ numbers | concat: numbers | join: '' }}", "312312"),
    "date": ("{{ at | date: '%d.%m.%Y %H:%M' }}", "27.11.2026 10:05"),
    "default": ("{{ void | default: 'x' }}{{ nothing | default: 'y' }}{{ missing | default: 'z' }}", "xyz"),
    "divided_by": ("{{ 20 | divided_by: 3 }}", "6"),
    "downcase": ("{{ 'ÄB' | downcase }}", "äb"),
    "first": ("{{ numbers | first }}", "3"),
    "floor": ("{{ price | floor }}", "12"),
    "join": ("{{ numbers | join: ', ' }}", "3, 1, 2"),
    "last": ("{{ numbers | last }}", "2"),
    "lstrip": ("[{{ padded | lstrip }}]", "[in  the   middle ]"),
    "map": ("{{ items | map: 'name' | join: ' ' }}", "Pen Book Cup"),
    "minus": ("{{ 5 | minus: 7 }}", "-2"),
    "modulo": ("{{ 7 | modulo: 3 }}", "1"),
    "plus": ("{{ price | plus: 1 }}", "13.5"),
    "prepend": ("{{ name | prepend: 'Dear ' }}", "Dear ann lee"),
    "reject": ("{{ items | reject: 'gone' | map: 'name' | join: ' ' }}", "Pen Cup"),
    "remove": ("{{ 'a-b-c' | remove: '-' }}", "abc"),
    "remove_first": ("{{ 'a-b-c' | remove_first: '-' }}", "ab-c"),
    "replace": ("{{ 'a-b-c' | replace: '-', '+' }}", "a+b+c"),
    "replace_first": ("{{ 'a-b-c' | replace_first: '-', '+' }}", "a+b-c"),
    "reverse": ("{{ numbers | reverse | join: '' }}", "213"),
    "round": ("{{ 2.567 | round: 1 }}", "2.6"),
    "rstrip": ("[{{ padded | rstrip }}]", "[  in  the   middle]"),
    "size": ("{{ name | size }} {{ numbers | size }}", "7 3"),
    "slice": ("{{ name | slice: 0, 3 }}", "ann"),
    "sort": ("{{ numbers | sort | join: '' }}", "123"),
    "sort_natural": ("{{ 'b A c' | split: ' ' | sort_natural | join: '' }}", "Abc"),
    "split": ("{{ words | split: ' ' | size }}", "4"),
    "squish": ("[{{ padded | squish }}]", "[in the middle]"),
    "strip": ("[{{ padded | strip }}]", "[in  the   middle]"),
    "sum": ("{{ items | sum: 'price' }}", "30"),
    "times": ("{{ price | times: 2 }}", "25.0"),
    "truncate": ("{{ words | truncate: 10 }}", "one two..."),
    "truncatewords": ("{{ words | truncatewords: 2 }}", "one two..."),
    "uniq": ("{{ list | compact | uniq | join: '' }}", "bAc"),
    "upcase": ("{{ name | upcase }}", "ANN LEE"),
    "url_encode": ("{{ 'a b&c' | url_encode }}", "a+b%26c"),
    "where": ("{{ items | where: 'name', 'Cup' | map: 'price' | first }}", "7"),
}
BY_TAG = {
    "if": ("{% if price > 10 and n < 0 %}dear{% endif %}", "dear"),
    "unless": ("{% unless nothing %}none{% endunless %}", "none"),
    "case": ("{% case name %}{% when 'bo', 'ann lee' %}hi{% endcase %}", "hi"),
    "for": ("{% for i in items limit: 2 offset: 1 %}{{ forloop.index }}{{ i.name }} {% endfor %}", "1Book 2Cup "),
    "break": ("{% for i in numbers %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "3"),
    "continue": ("{% for i in numbers %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "32"),
    "assign": ("{% assign total = items | sum: 'price' %}{{ total }}", "30"),
    "comment": ("a{% comment %} {{ whatever }} {% nonsense %} {% endcomment %}b", "ab"),
    "#": ("a{% # said to nobody %}b", "ab"),
}


@pytest.mark.parametrize("name", sorted(BY_FILTER))
def test_filters(name):
    source, said = BY_FILTER[name]

    assert render(source, DATA, Into.TEXT, Budget()) == said
    assert f"| {name}" in source


@pytest.mark.parametrize("name", sorted(BY_TAG))
def test_tags(name):
    source, said = BY_TAG[name]

    assert render(source, DATA, Into.TEXT, Budget()) == said


def test_no_filter_and_no_tag_is_missing_here():
    assert BY_FILTER.keys() == FILTERS
    assert BY_TAG.keys() == TAGS


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("a\nb\n{{ name | no_such }}", 3),
        ("{% if name %}\n{{ missing }}\n{% endif %}", 2),
        ("{% for i in items %}\n\n{{ i.colour }}{% endfor %}", 3),
        ("\n\n\n{% assign x = missing %}{{ x }}", 4),
        ("{{ items[0].name }}\n{{ items[7].name }}", 2),
        ("{% if a ==== b %}\n{% endif %}", 1),
        ("\n{{ name | truncate: 'x' }}", 2),
        ("\r\n\r\n{{ missing }}", 3),
    ],
)
def test_the_line_of_a_fault(source, line):
    with pytest.raises(Faulty) as refused:
        render(source, DATA, Into.TEXT, Budget())
    assert refused.value.line == line, refused.value


@pytest.mark.parametrize("into", list(Into))
def test_reading_costs_by_what_is_written(into):
    short, long = Budget(), Budget()
    read("{{ a }}", into, short)
    read("{{ a }}" * 10 + "words" * 1_000, into, long)

    assert limits.TEMPLATE_STEPS - long.left > 5 * (limits.TEMPLATE_STEPS - short.left)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1. one", "1\\. one"),
        ("- one", "\\- one"),
        ("    code", " code"),
        ("a\r\n\tb", "a b"),
        ("`x` | *y* ~z~", "\\`x\\` \\| \\*y\\* \\~z\\~"),
        ("名字，您好", "名字，您好"),
        ("https://a.test", "https\\:\\/\\/a\\.test"),
        ("&amp;", "\\&amp\\;"),
        ("", ""),
    ],
)
def test_plain_words(value, words):
    assert plain_words(value) == words
    shown = markdown.to_text(f"x {words} x").strip()
    assert shown.split() == ["x", *value.split(), "x"]


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a **b** _c_", "a <strong>b</strong> <em>c</em>"),
        ("## Two", '<h2 style="margin:24px 0 12px'),
        ("### Three", '<h3 style="margin:20px 0 8px'),
        ("1. a", '<ol style="margin:0 0 16px'),
        ("> a", '<blockquote style="margin:0 0 16px'),
        ("---", '<hr style="margin:24px 0'),
        ("![logo](https://a.test/l.png)", '<img src="https://a.test/l.png" alt="logo" style="max-width:100%'),
        ("<https://a.test>", '<a href="https://a.test" style='),
        ("a  \nb", "a<br />"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("[x](vbscript:a)", "[x](vbscript:a)"),
        ("[x](data:text/html,a)", "[x](data:text/html,a)"),
        ("[x](file:///etc/passwd)", "[x](file:///etc/passwd)"),
    ],
)
def test_markdown_as_html(source, html):
    assert html in markdown.to_html(source)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<h1>a</h1>", "<h1>a</h1>"),
        ("<style>a{}</style>b", "b"),
        ('<p style="background:url(https://a.test)">a</p>', '<p style="">a</p>'),
        ('<td colspan="2" onmouseover="x">a</td>', "a"),
        (
            '<table><tr><td colspan="2">a</td></tr></table>',
            '<table><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
        ),
        ('<a href="mailto:a@b.test">a</a>', '<a href="mailto:a@b.test">a</a>'),
        ('<a href=" java\nscript:x">a</a>', "<a>a</a>"),
        ("<svg><script>x</script></svg>", ""),
        ('<img src="data:image/png;base64,x">', "<img>"),
        ("<!-- a -->b", "b"),
        ('<link rel="stylesheet" href="https://a.test">b', "b"),
        ('<meta http-equiv="refresh" content="0">b', "b"),
    ],
)
def test_html_of_a_mail(dirty, clean):
    assert markdown.clean(dirty) == clean


def test_parts_are_named_by_their_place():
    contents = [
        {"locale": "en", "email": {"subject": "s", "body": "b", "html": None, "preheader": None}, "inbox": None},
        {"locale": "zh", "email": None, "inbox": {"title": "t", "body": "b", "url": "/x"}},
    ]

    assert [(place, locale, into) for place, locale, _, into in parts_of(contents)] == [
        ("/0/email/subject", "en", Into.TEXT),
        ("/0/email/body", "en", Into.MARKDOWN),
        ("/1/inbox/title", "zh", Into.TEXT),
        ("/1/inbox/body", "zh", Into.TEXT),
        ("/1/inbox/url", "zh", Into.TEXT),
    ]
    assert rules.size_of(contents) == len("sb" + "tb/x")
    assert not rules.is_too_large(contents)
    assert rules.is_too_large([{"locale": "en", "inbox": {"title": "t", "body": "支" * 40_000, "url": None}}])


def test_all_languages_have_one_budget():
    body = "{% for x in l %}{{ x }}{% endfor %}"
    contents = [{"locale": f"l{n}", "inbox": {"title": "t", "body": body, "url": None}} for n in range(20)]

    assert len(say(contents[:2], {"l": list(range(900))}, ["inbox"])) == 2
    with pytest.raises(Unsayable) as refused:
        say(contents * 20, {"l": list(range(900))}, ["inbox"])
    assert refused.value.fault.why == "takes too many steps: shorten its loops"


def test_a_frame_loads_nothing_and_holds_what_it_is_given():
    html = layout.in_frame("<p>one</p>", locale="zh-CN", subject="主题", preheader="先看")

    assert html.index("先看") < html.index("<p>one</p>")
    assert html.count("<table") == html.count("</table>") == 2
    for forbidden in ("<script", "<link", "src=", "@import", "url("):
        assert forbidden not in html
    assert "max-width:600px" in html
