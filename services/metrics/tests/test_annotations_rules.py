"""What an event calls its subject."""

import pytest

from opsloop_metrics.annotations.rules import MOST_CHARACTERS, AnnotationSource, text_of

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("data", "names", "wanted"),
    [
        ({"name": "Spring"}, ("name",), "Spring"),
        ({"title": "T", "name": "N"}, ("title", "name"), "T"),
        ({"title": "T", "name": "N"}, ("name", "title"), "N"),
        ({"title": "", "name": "N"}, ("title", "name"), "N"),
        ({"title": None, "name": "N"}, ("title", "name"), "N"),
        ({"title": ["T"], "name": {"n": 1}}, ("title", "name"), "something"),
        ({}, ("title",), "something"),
        ({"other": "T"}, ("title", "name"), "something"),
        ({"title": "春季促销 🎉"}, ("title",), "春季促销 🎉"),
        ({"title": "T"}, (), "something"),
        ({"title": " T \n"}, ("title",), "T"),
        ({"title": "a" * MOST_CHARACTERS}, ("title",), "a" * MOST_CHARACTERS),
        ({"title": "a" * 10_000}, ("title",), "a" * (MOST_CHARACTERS - 1) + "…"),
    ],
)
def test_the_first_field_that_says_something_is_its_name(data, names, wanted):
    found = text_of(data, *names, otherwise="something")

    assert found == wanted
    assert len(found) <= MOST_CHARACTERS


def test_sources_are_told_by_these_words():
    assert [source.value for source in AnnotationSource] == ["person", "campaign", "release"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "\n\t",
        7,
        1.5,
        True,
        [],
        ["a name"],
        {},
        {"name": "a name"},
    ],
)
def test_what_says_nothing_is_passed_over(value):
    assert text_of({"title": value, "name": "a name"}, "title", "name", otherwise="something") == "a name"
    assert text_of({"title": value}, "title", otherwise="something") == "something"
