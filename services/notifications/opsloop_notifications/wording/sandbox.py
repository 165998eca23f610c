"""Liquid, as far as templates may go: no files, no other templates, no endless loops, nothing that grows without a bound.

What a template costs is counted, not timed, so that the same template with the same data always comes to the same: each look-up, each
filter by what goes in and comes out, each turn of a loop by the size of the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from itertools import pairwise
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext, StrictDefaultUndefined, Undefined
from liquid.builtin import register
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError
from liquid.output import LimitedStringIO
from liquid.stringify import to_liquid_string
from liquid.utils import ReadOnlyChainMap

from opsloop_common import limits
from opsloop_common.documents import write_document
from opsloop_common.foreign import Unreadable, reading

TAGS = frozenset({"if", "unless", "case", "for", "break", "continue", "assign", "comment", "#"})
FILTERS = frozenset({
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "compact", "concat", "date", "default",
    "divided_by", "downcase", "first", "floor", "join", "last", "lstrip", "map", "minus", "modulo", "plus", "prepend",
    "reject", "remove", "remove_first", "replace", "replace_first", "reverse", "round", "rstrip", "size", "slice",
    "sort", "sort_natural", "split", "squish", "strip", "sum", "times", "truncate", "truncatewords", "uniq", "upcase",
    "url_encode", "where",
})  # fmt: skip
_BLOCKS = frozenset({"if", "unless", "case", "for", "comment"})
_WITHIN = frozenset({"else", "elsif", "when"})
_INNER = frozenset({"content", "output", "illegal"})
_WEIGHED = 16
"""So many characters that a filter reads or writes count as one step."""
_READ = 20
"""To read one output or tag takes as long as so many steps."""
_MARKUP = re.compile(r"\{[{%]")
_NAME = re.compile(r"\{%-?\s{0,10}(#|[a-z]*)")
_WIDE = re.compile(r"\s{11}")
_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")
_GAPS = re.compile(r"\s+")
_QUOTES = re.compile(r'\\.|\\\Z|"', re.DOTALL)
_WORDS = frozenset({"date", "round", "ceil", "floor", "times", "plus", "minus", "divided_by", "modulo", "abs"})
_SHORT = 64
"""Characters of what is read as a number or a time."""


class Into(StrEnum):
    """What the text becomes, which decides how a value is written into it.

    As it is, as plain words of Markdown or of HTML; in JSON as a value, or as a part of the string in which it stands.
    """

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


class Faulty(Exception):
    """A template cannot be read, or not with this data: why, and in which line."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(f"line {line}: {why}")
        self.why, self.line = why, line


class _TooDear(Exception):
    pass


class Budget:
    """The steps that are left to all parts of what is said at once."""

    def __init__(self, steps: int = limits.TEMPLATE_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take some steps; raises when there are no more."""
        self.left -= steps
        if self.left < 0:
            raise _TooDear("takes too many steps: shorten its loops")


class _Context(RenderContext):
    __slots__ = ("budget",)

    def __init__(self, template: BoundTemplate, data: Mapping[str, Any], budget: Budget) -> None:
        super().__init__(template, globals=data)
        self.scope = ReadOnlyChainMap(self.locals, self.globals)  # without `now`, `today` and counters
        self.budget = budget

    def get(self, path: list[object], **how: Any) -> object:
        found = super().get(path, **how)
        self.budget.spend(1 + (len(found) // _WEIGHED if type(found) in (str, list, dict) else 0))  # type: ignore[arg-type]
        return found

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.budget.spend(length * self.template.matter["size"])  # type: ignore[operator]

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        return partial(self._filtered, name, super().filter(name, token))

    def _filtered(self, name: str, work: Callable[..., object], value: object, *given: Any, **named: Any) -> object:
        sizes = [_size(each) for each in (value, *given, *named.values())]
        if name in _WORDS and max(sizes) > _SHORT:
            raise _TooDear(f"gives {name} a value that is too long")
        if name in ("replace", "join") and _grown(name, value, sizes) > limits.TEMPLATE_VALUE_CHARACTERS:
            raise _TooDear("makes a value that is too long")
        if name == "date" and type(value) is str and value in ("now", "today"):
            raise _TooDear("tells no time of its own: give date a time")
        self.budget.spend(1 + sum(sizes) // _WEIGHED + (len(value) ** 2 // 1_000 if type(value) is list else 0))
        found = work(value, *given, **named)
        self.budget.spend(_size(found) // _WEIGHED)
        return found


def _grown(name: str, value: object, sizes: list[int]) -> int:
    if name == "join":
        return sizes[0] + (len(value) if type(value) is list else 1) * (sizes[1] if len(sizes) > 1 else 1)
    return (sizes[0] + 1) * (sizes[2] if len(sizes) > 2 else 0)


def _size(value: object) -> int:
    """Return how many characters a value comes to, all that is in it together; raises when those are too many."""
    kind, size = type(value), 1
    if issubclass(kind, Undefined):
        return size
    if issubclass(kind, str):
        size = len(value)  # type: ignore[arg-type]
    elif kind in (list, tuple, dict):
        if len(value) > limits.TEMPLATE_LIST:  # type: ignore[arg-type]
            raise _TooDear(f"works on more than {limits.TEMPLATE_LIST} things at once")
        parts: Iterable[object] = value.values() if kind is dict else value  # type: ignore[attr-defined,assignment]
        size = 1 + sum(_size(part) for part in parts)
    elif kind is range:
        size = len(value)  # type: ignore[arg-type]
    elif kind is int and abs(value) >= 2**63:  # type: ignore[arg-type]
        raise _TooDear("makes a number that is too large")
    if size > limits.TEMPLATE_VALUE_CHARACTERS:
        raise _TooDear("makes a value that is too long")
    return size


class _Environment(Environment):
    """The engine with what is listed above and nothing else."""

    output_stream_limit = limits.TEMPLATE_OUTPUT_BYTES
    local_namespace_limit = 4 * limits.TEMPLATE_VALUE_CHARACTERS
    loop_iteration_limit = 1  # asks the context, which counts by itself

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        register(self)
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS | _INNER}
        self.filters = {name: work for name, work in self.filters.items() if name in FILTERS}


class _PlainWords(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        words = to_liquid_string(self.expression.evaluate(context), False)
        return int(buffer.write(plain_words(words)))


class _PlainOutput(Output):
    node_class = _PlainWords


def plain_words(text: str) -> str:
    """Return text as Markdown that reads just like it: signs stand for themselves, line ends and gaps are blanks."""
    return _SPECIAL.sub(r"\\\1", _GAPS.sub(" ", text))


class _JsonBuffer(LimitedStringIO):
    """What is written by and by, and whether that ends within a string: no value ends a string, or begins one without ending it."""

    is_in_string = False

    def write(self, text: str) -> int:
        """Write what the template itself says."""
        for found in _QUOTES.findall(text):
            if found == '"':
                self.is_in_string = not self.is_in_string
            elif found == "\\" and self.is_in_string:
                raise _TooDear("has a backslash before a value, or at its end")
        return super().write(text)

    def write_value(self, value: object) -> int:
        """Write what the template asked the data for."""
        if self.is_in_string:
            return super().write(write_document(to_liquid_string(value, False))[1:-1])
        return super().write(write_document(_sayable(value)))


def _sayable(value: object) -> object:
    """Return a value as JSON has it; raises for what it does not have."""
    if isinstance(value, Undefined):
        return str(value)  # which raises, with its name
    if isinstance(value, range):
        return list(value)
    if value is not None and not isinstance(value, str | bool | int | float | list | dict):
        raise _TooDear("writes a value that JSON does not have")
    return value


class _JsonValue(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        value = self.expression.evaluate(context)
        return int(buffer.write_value(float(value) if isinstance(value, Decimal) else value))


class _JsonOutput(Output):
    node_class = _JsonValue


_OUTPUTS: Mapping[Into, type[Output]] = {Into.MARKDOWN: _PlainOutput, Into.JSON: _JsonOutput}


@cache
def _engine(into: Into) -> Environment:
    engine = _Environment(undefined=StrictDefaultUndefined, autoescape=into is Into.HTML)
    if into in _OUTPUTS:
        engine.add_tag(_OUTPUTS[into])
    return engine


def _count_markup(source: str) -> int:
    """Return how many outputs and tags there are; raises Faulty for what the engine must not be asked to find the end of.

    Its expressions take the square of the length of what is not closed, or of a gap: 20,000 braces took 30 s.
    """
    starts = [found.start() for found in _MARKUP.finditer(source)]
    opened: list[tuple[str, int]] = []
    for start, following in pairwise([*starts, len(source)]):
        closing = "}}" if source[start + 1] == "{" else "%}"
        end = source.find(closing, start, following)
        if end < 0:
            raise Faulty(f"{source[start : start + 2]} is not closed by {closing}", _line(source, start))
        markup = source[start:end]
        if len(markup) > limits.TEMPLATE_MARKUP_CHARACTERS or _WIDE.search(markup):
            raise Faulty("what stands in braces is too long, or has a wide gap", _line(source, start))
        if tag := _NAME.match(markup):
            _nest(tag[1], opened, _line(source, start))
    if opened:
        raise Faulty(f"{opened[-1][0]} is not closed by end{opened[-1][0]}", opened[-1][1])
    return len(starts)


def _nest(tag: str, opened: list[tuple[str, int]], line: int) -> None:
    """Note a tag among those that are open; what stands in a comment is no tag."""
    inside = opened[-1][0] if opened else ""
    if tag == f"end{inside}" and inside:
        opened.pop()
    elif inside == "comment":
        return
    elif tag in _BLOCKS:
        opened.append((tag, line))
    elif tag not in TAGS | _WITHIN:
        raise Faulty(f"there is no tag {tag}" if not tag.startswith("end") else f"{tag} closes nothing", line)


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, max(at, 0)) + 1


def read(source: str, into: Into, budget: Budget) -> BoundTemplate:
    """Read a template; raises Faulty."""
    size = 1 + _count_markup(source)
    try:
        with reading():
            budget.spend(_READ * size)
            return _engine(into).from_string(source, matter={"size": size})
    except Unreadable as error:
        raise _fault(error.__cause__, source) from error


def require_readable(source: str, into: Into, budget: Budget) -> None:
    """Raise Faulty unless a template can be read, and asks for no filter that there is not, which the engine says with data alone."""
    for name, places in read(source, into, budget).analyze(include_partials=False).filters.items():
        if name not in FILTERS:
            raise Faulty(f"there is no filter {name}", _line(source, places[0].index))


def render(source: str, data: Mapping[str, Any], into: Into, budget: Budget) -> str:
    """Return what a template and its data come to; raises Faulty, also for a variable that the data lacks."""
    template = read(source, into, budget)
    context = _Context(template, data, budget)
    buffer = _JsonBuffer(limits.PAYLOAD_BYTES) if into is Into.JSON else context.get_buffer()
    try:
        with reading():
            template.render_with_context(context, buffer)
            return buffer.getvalue()
    except Unreadable as error:
        raise _fault(error.__cause__, source) from error


def variables(source: str) -> set[str]:
    """Return the first names of all that a template asks its data for; raises Faulty."""
    found = read(source, Into.TEXT, Budget()).analyze(include_partials=False).globals
    return set(found)


def _fault(cause: BaseException | None, source: str) -> Faulty:
    if not isinstance(cause, LiquidError):
        return Faulty(str(cause) if isinstance(cause, _TooDear) else "cannot be worked out", 1)
    token = cause.token
    at = token.start_index if token is not None else 0
    begun = token.source if token is not None else source
    line = _line(begun, at)
    if begun is not source and (found := source.find(begun)) >= 0:
        line += _line(source, found) - 1
    return Faulty(_in_words(cause), line)


def _in_words(cause: LiquidError) -> str:
    said = str(cause.message)
    name = said.removesuffix(" is undefined").strip("'")
    if said != name and said.endswith(" is undefined"):
        return f"the data has no {name}"
    return said.splitlines()[0][:200]
