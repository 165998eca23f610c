"""JSON that a template writes: values as values, texts within strings, and never more than the template says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.wording.sandbox import Budget, Faulty, Into, render, require_readable

TRICKS = [
    '"',
    "\\",
    '\\"',
    '", "b": 2, "c": "',
    '"}',
    "{{ a }}",
    "{% if a %}",
    "\u2028",
    "</script>",
    "\x00",
    "🙂",
    "支付",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def written(source, **data):
    return render(source, data, Into.JSON, Budget())


@given(JSON)
def test_no_value_becomes_more_than_a_value(value):
    assert json.loads(written('{"a": {{ v }}, "b": 1}', v=value)) == {"a": value, "b": 1}


@given(st.text())
def test_no_text_leaves_its_string(value):
    assert json.loads(written('{"a": "<{{ v }}>", "b": 1}', v=value)) == {"a": f"<{value}>", "b": 1}


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("place", ['"{{ v }}"', "{{ v }}", '"{{ v }}{{ v }}"', '"a\\\\{{ v }}"', '"\\"{{ v }}"'])
def test_tricks_stay_texts(trick, place):
    assert trick in json.loads(written(f'{{"a": {place}, "b": 1}}', v=trick))["a"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('"{{ v }}"', '"a"'),
        ("{{ v }}", '"a"'),
        ("{{ n }}", "3"),
        ('"{{ n }}"', '"3"'),
        ("{{ yes }}", "true"),
        ('"{{ yes }}"', '"true"'),
        ("{{ nothing }}", "null"),
        ('"{{ nothing }}"', '""'),
        ("{{ n | divided_by: 2.0 }}", "1.5"),
        ("{{ (1..3) }}", "[1,2,3]"),
        ('"{{ (1..3) }}"', '"1..3"'),
        ('{"{{ v }}": {{ list }}}', '{"a": [1,"b"]}'),
        ('{% if yes %}"in {{ v }}{% endif %} and on {{ v }}"', '"in a and on a"'),
        ('"{% for x in list %}{{ x }}{% endfor %}"', '"1b"'),
    ],
)
def test_where_a_value_stands_decides_how_it_is_written(source, text):
    assert written(source, v="a", n=3, yes=True, nothing=None, list=[1, "b"]) == text


@pytest.mark.parametrize("source", ['"\\{{ v }}"', '"a\\\\\\{{ v }}"', '"\\{% if v %}n{% endif %}"', '"\\'])
def test_no_backslash_of_the_template_reaches_a_value(source):
    with pytest.raises(Faulty, match="backslash"):
        written(source, v='"')


@pytest.mark.parametrize("source", ["{{ x }}", '"{{ x }}"', "{{ v.x }}", '"{{ v.x.y }}"', "[1,\n{{ x }}]"])
def test_what_is_missing_is_named_with_its_line(source):
    with pytest.raises(Faulty) as caught:
        written(source, v={})

    assert ("has no" in caught.value.why, caught.value.line) == (True, 1 + source.count("\n"))


@pytest.mark.parametrize("source", ["{{ empty }}", "{% for x in v %}{{ forloop }}{% endfor %}"])
def test_what_json_does_not_have_is_refused(source):
    with pytest.raises(Faulty, match="JSON does not have"):
        written(source, v=[1])


def test_a_filter_that_there_is_not_is_found_before_there_is_data():
    with pytest.raises(Faulty, match="line 2: there is no filter shout"):
        require_readable("\n{{ a | shout }}", Into.JSON, Budget())

    require_readable("{{ a | upcase | default: 'b' }}{% if c %}{{ d }}{% endif %}", Into.JSON, Budget())


def test_what_is_not_shown_leaves_no_string_open():
    assert written('{% if yes %} {% endif %}"{% if no %}"{% endif %}{{ v }}"', v='"', yes=True, no=False) == '"\\""'
