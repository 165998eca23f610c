"""The documents name every setting, their links lead somewhere, and both languages say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opsloop.settings import EmbeddedSettings
from opsloop_campaigns.settings import CampaignsSettings
from opsloop_common.settings import Settings
from opsloop_feedback.settings import FeedbackSettings
from opsloop_metrics.settings import MetricsSettings
from opsloop_notifications.settings import NotificationsSettings

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = (ROOT / "README.md").read_text(), (ROOT / "README.zh-CN.md").read_text()
READMES = pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh-CN"])
CLASSES: tuple[type[Settings], ...] = (
    EmbeddedSettings,  # first: what it says of `bus` is told of the others
    CampaignsSettings,
    FeedbackSettings,
    MetricsSettings,
    NotificationsSettings,
)
NOT_OF_A_CLASS = {"<SERVICE>_DATABASE_URL", "<SERVICE>_DATABASE_DIRECT_URL"}
OF_DEVELOPERS = {
    "OPSLOOP_KEEP",
    "OPSLOOP_BOARD_FOLDER",
    "OPSLOOP_NAB",
    "OPSLOOP_SOAK_EVENTS",
    "OPSLOOP_SOAK_PEOPLE",
    "OPSLOOP_SOAK_SEED",
}  # decision 28, the guide's example, the bench's files, the sizes of soaks
NAMED = re.compile(r"OPSLOOP_[A-Z_]*[A-Z]\b(?!_)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
LISTED = re.compile(", |、")


def defaults() -> dict[str, Any]:
    """Return every setting that a class reads, with its default."""
    return {f"OPSLOOP_{name.upper()}": field.default for kind in CLASSES for name, field in kind.model_fields.items()}


def told(text: str) -> Iterator[tuple[str, str]]:
    """Yield each setting that a README's tables name, with what stands there as its default."""
    section = re.split(r"^## (?:Settings|设置)$", text, flags=re.MULTILINE)[1]
    for row in re.finditer(r"^\| (`[^|]+) \| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE):
        names = [name.strip("`") for name in re.split("[,、] ?", row[1])]
        shown = LISTED.split(row[2]) if len(names) > 1 else [row[2]]
        assert len(names) == len(shown), f"as many defaults as settings: {row[0]}"
        yield from zip(names, shown, strict=True)


def is_default(value: Any, shown: str) -> bool:
    """Say whether a cell tells a default: a value as it is set, a number with commas, for None words alone."""
    if value is None or value == "":
        return not re.match(r"\d[\d,]*$", shown)
    if isinstance(value, int | float):
        return shown in (f"{value:g}", f"{value:,}")
    return shown == f"`{value}`"


@READMES
def test_a_readme_names_every_setting_once_and_no_other(text):
    named = [name for name, _ in told(text)]

    assert sorted(named) == sorted(defaults().keys() | NOT_OF_A_CLASS)


@READMES
def test_a_readme_tells_the_defaults(text):
    known = {name: (value, shown) for name, shown in told(text) if (value := defaults().get(name, ...)) is not ...}

    assert [(name, *both) for name, both in known.items() if not is_default(*both)] == []


@pytest.mark.parametrize(
    ("value", "shown", "expected"),
    [
        (8080, "8,080", True),
        (8080, "8,081", False),
        (1.0, "1", True),
        (0.5, "0.5", True),
        ("public", "`public`", True),
        ("public", "public", False),
        (None, "none", True),
        (None, "`opsloop`, else a number", True),
        (None, "1,000", False),
        ("", "无", True),
    ],
)
def test_a_default_is_told_as_it_is_set(value, shown, expected):
    assert is_default(value, shown) is expected


def test_a_cell_is_divided_between_its_values():
    assert LISTED.split("1,000, 5,000") == ["1,000", "5,000"]
    assert LISTED.split("60、600、100,000") == ["60", "600", "100,000"]
    assert LISTED.split("`open`, none, `open`") == ["`open`", "none", "`open`"]


@pytest.mark.parametrize("kind", CLASSES[1:], ids=lambda kind: kind.__name__)
def test_a_service_names_its_own_settings_in_its_readme(kind):
    readme = ROOT / "services" / kind.__name__.removesuffix("Settings").lower() / "README.md"
    own = {f"OPSLOOP_{name.upper()}" for name in kind.model_fields.keys() - Settings.model_fields.keys()}

    assert own <= set(NAMED.findall(readme.read_text()))


def test_every_setting_that_a_page_names_is_one():
    known = defaults().keys() | OF_DEVELOPERS

    wrong = {(page.name, name) for page in pages() for name in NAMED.findall(page.read_text()) if name not in known}

    assert wrong == set()


def pages() -> list[Path]:
    """Return every document of the repository."""
    return [
        path
        for pattern in ("*.md", "docs/**/*.md", "services/*/*.md", "libs/*/*.md", "deploy/**/*.md")
        for path in sorted(ROOT.glob(pattern))
    ]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the forges make them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page: Path) -> list[tuple[Path, str]]:
    """Return whither a page leads within the repository: a file and an anchor, which may be empty."""
    targets = [link for link in LINK.findall(FENCE.sub("", page.read_text())) if "://" not in link]
    parts = [target.partition("#") for target in targets]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in parts]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    broken = [
        (str(target.relative_to(ROOT)), anchor)
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


@pytest.mark.parametrize("first", ["README.md", "README.zh-CN.md"])
def test_every_page_is_found_from_the_first(first):
    found, waiting = {ROOT / first}, [ROOT / first]
    while waiting:
        new = {target for target, _ in links(waiting.pop()) if target.suffix == ".md" and target.is_file()} - found
        found |= new
        waiting += new

    assert {page.relative_to(ROOT).as_posix() for page in set(pages()) - found} == set()


ROUTE = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE)(?:/(?:GET|POST|PUT|PATCH|DELETE))*) (/v1/[^`\s]*)[^`]*`")
TOLD_BY = [page for page in pages() if page.parent.name != "decisions"]


def routes() -> dict[tuple[str, str], set[str]]:
    """Return the query parameters of every route of the four contracts, by method and path; `{id}` stands for any name."""
    found: dict[tuple[str, str], set[str]] = {}
    for contract in ROOT.glob("services/*/openapi.json"):
        for path, operations in json.loads(contract.read_text())["paths"].items():
            for method, operation in operations.items():
                names = {each["name"] for each in operation.get("parameters", []) if each.get("in") == "query"}
                found.setdefault((method.upper(), re.sub(r"\{\w+\}", "{}", path)), set()).update(names)
    return found


@pytest.mark.parametrize("page", TOLD_BY, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_route_that_a_page_names_is_one(page):
    known, wrong = routes(), []
    for methods, target in ROUTE.findall(page.read_text()):
        path, _, query = target.partition("?")
        asked = {pair.partition("=")[0] for pair in query.split("&") if query}
        if path.startswith("/v1/follow-ups"):  # the room that the guide builds
            continue
        for method in methods.split("/"):
            given = known.get((method, re.sub(r"\{\w+\}", "{}", path)))
            if given is None or not asked <= given:
                wrong.append(f"{method} {target}")

    assert wrong == []


GUIDE = ROOT / "docs/guide"
PAIRS = [
    (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    *(
        (ROOT / f"docs/{name}.md", ROOT / f"docs/{name}.zh-CN.md")
        for name in (
            "alerts",
            "forms",
            "anomalies",
            "bots",
            "capture",
            "channels",
            "clusters",
            "consent",
            "csat",
            "feedback-imports",
            "insights",
            "kpis",
            "mail",
            "mail-in",
            "messages",
            "mission",
            "objectives",
            "scenarios-feedback",
            "scenarios-notifications",
            "segments",
            "triage",
            "service-levels",
            "conversations",
            "webhooks",
        )
    ),
    *((GUIDE / page.name, page) for page in sorted((GUIDE / "zh-CN").glob("*.md"))),
]


def parts(page: Path) -> dict[str, Any]:
    """Return what a page has in any language: code (comments apart), headings, tables by their columns, links."""
    text = page.read_text()
    outside = FENCE.sub("", text)
    return {
        "code": [re.sub(r" +#.*", "", block) for block in FENCE.findall(text) if not block.startswith("```mermaid")],
        "headings": re.findall("^#+ ", outside, re.MULTILINE),
        "tables": [row.count("|") for row in re.findall(r"^\|.*\|$", outside, re.MULTILINE)],
        "links": {english_of(target) for target, _ in links(page)} - {english_of(page)},
    }


def english_of(page: Path) -> Path:
    """Return the English page of a Chinese one, and any other as it is."""
    return {chinese: english for english, chinese in PAIRS}.get(page, page)


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_both_languages_have_the_same_parts(english, chinese):
    assert parts(english) == parts(chinese)
    assert chinese.resolve() in {target for target, _ in links(english)}
    assert english.resolve() in {target for target, _ in links(chinese)}
