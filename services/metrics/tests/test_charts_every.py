"""Every picture of an insight: what it says to those who hear it, and what it never does, whoever wrote the names in it."""

import re
from copy import deepcopy
from datetime import timedelta

import pytest

from opsloop_metrics.charts.rules import KINDS, Beside, Note, draw
from services.metrics.tests.chart_answers import (
    ANSWERS,
    EMPTY,
    FIRST,
    churn,
    days,
    friction,
    funnel,
    next_best,
    retention,
    series,
    usage,
)
from services.metrics.tests.pictures import SVG, both, described, parsed, shown, words

pytestmark = pytest.mark.quick
LOCALES = ("en", "zh-CN")
HOSTILE = {
    "markup": "</text><script>alert(1)</script>",
    "an attribute": '"><image href="http://evil.example/x" onload="x()"/>',
    "an entity": "&lt;&xxe;&#0;&amp;amp;",
    "CDATA": "]]><style>*{display:none}</style><![CDATA[",
    "a style": "</style><style>@import url(http://evil.example)</style>",
    "a comment": "--><svg/onload=x><!--",
    "controls": "a\x00b\x08c\x1bd\x7fe\x9ff",
    "no characters": "\ufffe\uffff\ud800",
    "turned round": "\u202emoc.elpmaxe\u202c\u2066x\u2069",
    "lines": "one\ntwo\r\nthree\u2028four\tfive",
    "long": "a" * 10_000,
    "long and wide": "长" * 10_000,
    "many marks": "Z" + "\u0301" * 10_000,
    "braces": "{name} %s {0} {count!r}",
    "blank": "   ",
}


def hostile(kind, name):
    """Return an answer in which whatever strangers write is `name`."""
    answer = deepcopy(ANSWERS[kind])
    match kind:
        case "trends":
            answer["series"] = [series("A", name, [1, 2, 3], breakdown=name), series("B", name, [3, 2, 1])]
            answer["intervals"] = days(3)
        case "funnel":
            answer = funnel(breakdown=True)
            for step in answer["steps"]:
                step["label"] = name
            for part in answer["breakdown"]:
                part["value"] = name
        case "retention":
            answer = retention(weeks=4, breakdown=name)
        case "paths":
            for node in answer["nodes"]:
                node["name"] = f"{node['name'].partition('_')[0]}_{name}"
            for edge in answer["edges"]:
                for end in ("source", "target"):
                    edge[end] = f"{edge[end].partition('_')[0]}_{name}"
        case "experience":
            answer["friction"] = friction(name, name)
        case "attribution":
            for row in answer["rows"]:
                row["value"] = name
        case "breakdown":
            for row in answer["rows"]:
                row["values"] = [name, name, name]
        case "usage":
            answer = usage(name, name, "*")
        case "churn":
            answer = churn(name)
        case "next-best":
            answer = next_best(name, name)
    return answer


def test_each_insight_has_a_picture():
    assert KINDS == set(ANSWERS) == set(EMPTY)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_picture_is_one_image_with_a_title_and_a_description(kind, locale):
    svg = draw(kind, ANSWERS[kind], locale=locale)

    root = parsed(svg)
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    named = [root.find(f".//*[@id='{part}']") for part in root.get("aria-labelledby").split()]
    assert [each.tag for each in named] == [f"{SVG}title", f"{SVG}desc"]
    assert all(each.text.strip() for each in named)
    assert root.get("lang") == ("zh-CN" if locale == "zh-CN" else "en")
    assert re.search(r"\d", described(svg)), "the description has no numbers"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_picture_in_chinese_says_no_english_and_the_other_way_round(kind):
    chinese, english = (draw(kind, ANSWERS[kind], locale=locale) for locale in ("zh-CN", "en"))

    assert not re.search(r"[\u4e00-\u9fff]", words(english))
    ours = re.sub(
        r"signed_up|order_paid|activated|visited|google|weixin|CNY|/?(pricing|docs|blog|signup|welcome)|LCP|INP|CLS|title desc",
        "",
        words(chinese),
    )
    assert not re.search(r"[A-Za-z]{2}", ours), ours


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_to_draw_is_said(kind, locale):
    svg = draw(kind, EMPTY[kind], locale=locale)

    assert ("此时段没有数据" if locale == "zh-CN" else "No data in this time") in described(svg)
    assert len(shown(svg)) == 3


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("what", sorted(HOSTILE))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_strangers_wrote_is_shown_and_never_read_as_anything_else(kind, what, locale):
    name = HOSTILE[what]
    notes = [Note(FIRST + timedelta(days=1), name)]
    svg = draw(kind, hostile(kind, name), title=name, locale=locale, beside=Beside(notes=notes))

    allowed = {"svg", "title", "desc", "style", "rect", "line", "text", "tspan", "path", "circle", "g"}
    found = list(parsed(svg).iter())
    assert {each.tag.removeprefix(SVG) for each in found} <= allowed
    attributes = {key for each in found for key in each.attrib}
    assert not [key for key in attributes if key.startswith("on") or "href" in key or key == "style"]
    assert sum(each.tag == f"{SVG}style" for each in found) == 1
    assert "url(" not in parsed(svg).find(f"{SVG}style").text
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", svg)
    svg.encode()
    assert len(svg) < 200_000


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_picture_asks_nobody_for_anything(kind):
    svg = draw(kind, ANSWERS[kind])

    assert re.findall(r"https?://[^\s\"]+", svg) == ["http://www.w3.org/2000/svg"]
    for word in ("<script", "@import", "@font-face", "url(", "href", "<image", "<foreignObject", "<use"):
        assert word not in svg


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_colours_change_with_the_scheme_and_numbers_are_tabular(kind):
    style = parsed(draw(kind, ANSWERS[kind])).find(f"{SVG}style").text
    light, _, dark = style.partition("@media(prefers-color-scheme:dark)")

    for css in (".ground", ".ink", ".soft", ".rule", ".f0", ".s7"):
        of = [
            re.search(rf"{re.escape(css)}\{{\w+:(#\w+)", part) or re.search(rf"{re.escape(css)}[,{{]", part)
            for part in (light, dark)
        ]
        assert all(of), css
    assert "tabular-nums" in light


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_everything_is_inside_the_picture(kind):
    svg = draw(kind, ANSWERS[kind])
    root = parsed(svg)
    width, height = (float(size) for size in root.get("viewBox").split()[2:])

    for each in root.iter():
        for key, most in (
            ("x", width),
            ("cx", width),
            ("x1", width),
            ("x2", width),
            ("y", height),
            ("cy", height),
            ("y1", height),
            ("y2", height),
        ):
            if (value := each.get(key)) is not None:
                assert -0.5 <= float(value) <= most + 0.5, (each.tag, key, value)
    for each in root.iter(f"{SVG}rect"):
        assert float(each.get("x")) + float(each.get("width")) <= width + 0.5
        assert float(each.get("y")) + float(each.get("height")) <= height + 0.5


@pytest.mark.parametrize(
    ("kind", "english", "chinese"),
    [
        ("trends", ["Trend", "Mar 1, 2026 – Mar 30, 2026"], ["趋势", "2026年3月1日至2026年3月30日"]),
        ("active-users", ["Active people", "Daily"], ["活跃用户", "日活"]),
        ("sessions", ["Sessions", "average length 3 min"], ["会话", "平均时长3分钟"]),
        ("lifecycle", ["Lifecycle", "Resurrecting"], ["生命周期", "回流"]),
        ("stickiness", ["Stickiness", "Active in so many of 14 intervals"], ["黏性", "在14个时段中活跃的时段数"]),
        ("funnel", ["Funnel", "4.2% came through"], ["漏斗", "整体转化4.2%"]),
        ("retention", ["Retention", "9 cohorts"], ["留存", "9个同期群"]),
        ("paths", ["Paths", "Step 2"], ["路径", "第2步"]),
        (
            "experience",
            [
                "Friction",
                "240 / 800 · 30%",
                "24% of everybody",
                "rage clicks 120 · dead clicks 80 · errors 7 · slow 20",
                "Largest paint (LCP): 2,100 ms, good. Interaction (INP): 480 ms, needs improvement. Layout shift (CLS): 0.31, poor.",
            ],
            [
                "体验摩擦",
                "共1,000人",
                "占所有人的24%",
                "愤怒点击120 · 无效点击80 · 出错7 · 性能差20",
                "交互延迟（INP）：480毫秒，待改进。",
            ],
        ),
        ("attribution", ["Attribution", "200 conversions", "(none)"], ["归因", "200次转化", "（无）"]),
        ("breakdown", ["Breakdown", "1,000 people", "Other"], ["细分", "1,000人", "其他"]),
        ("usage", ["1,000 active people", "600 people, 60%"], ["1,000名活跃用户", "600人，60%"]),
        (
            "churn",
            ["40% left: 80 of them, 120 stayed, 10 undecided", "50% of those who left, 10% of those who stayed"],
            ["流失40%：80人流失，120人留下，10人未定", "流失者50%，留下者10%"],
        ),
        ("next-best", ["120 items compared", "40 people have both"], ["比较了120项", "40人两者都用"]),
    ],
)
def test_each_picture_says_its_own_in_both_languages(kind, english, chinese):
    for svg, wanted in zip(both(kind, ANSWERS[kind], zone="Asia/Shanghai"), (english, chinese), strict=True):
        assert [each for each in wanted if each not in words(svg)] == []


def test_the_same_answer_makes_the_same_picture():
    for kind, answer in ANSWERS.items():
        assert draw(kind, answer) == draw(kind, answer)


def test_an_answer_is_left_as_it_was():
    for kind, answer in ANSWERS.items():
        before = repr(answer)
        draw(kind, answer)
        assert repr(answer) == before
