"""Labels of alerts: what names one, and matchers on them, as Prometheus and Alertmanager have both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opsloop_common import regexes

Labels = Mapping[str, str]

ALERTNAME = "alertname"
NAME_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"

_FNV_OFFSET, _FNV_PRIME, _64_BITS = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
_DIVIDER = 0xFF  # in no UTF-8 text
_CHINESE = "_zh"
_NAME = re.compile(NAME_PATTERN.removesuffix("$"))


def fingerprint(labels: Labels) -> str:
    """Return what names a set of labels: the one that Prometheus and Alertmanager give it (FNV-1a, 64 bits, in hex)."""
    found = _FNV_OFFSET
    for name in sorted(labels):
        for text in (name, labels[name]):
            for byte in (*text.encode(), _DIVIDER):
                found = ((found ^ byte) * _FNV_PRIME) & _64_BITS
    return f"{found:016x}"


def is_name(text: str) -> bool:
    """Say whether a text may name a label."""
    return _NAME.fullmatch(text) is not None


def without_empty(labels: Labels) -> dict[str, str]:
    """Return labels without those that say nothing: an empty one is as good as none."""
    return {name: value for name, value in labels.items() if value}


def in_language(annotations: Labels, language: str) -> dict[str, str]:
    """Return annotations as people read them: in Chinese `summary_zh` is what `summary` says, and nobody else sees it."""
    found = dict(annotations)
    for name in annotations:
        plain = name.removesuffix(_CHINESE)
        if plain != name and plain in annotations:
            said = found.pop(name)
            found[plain] = said if language == "zh" else annotations[plain]
    return found


class MatchOp(StrEnum):
    """How a matcher compares; both of expressions mean the whole value."""

    IS = "="
    IS_NOT = "!="
    FITS = "=~"
    FITS_NOT = "!~"


class BadPattern(ValueError):
    """A regular expression that is none, or that would cost too much."""


@dataclass(frozen=True)
class Matcher:
    """A condition on one label; one that is missing counts as empty."""

    name: str
    op: MatchOp
    value: str

    def matches(self, labels: Labels) -> bool:
        """Say whether it holds for a set of labels."""
        found = labels.get(self.name, "")
        match self.op:
            case MatchOp.IS:
                return found == self.value
            case MatchOp.IS_NOT:
                return found != self.value
            case MatchOp.FITS:
                return fits(self.value, found)
            case MatchOp.FITS_NOT:
                return not fits(self.value, found)

    def kept(self) -> dict[str, str]:
        """Return it as it is stored."""
        return {"name": self.name, "op": str(self.op), "value": self.value}


def read_matchers(stored: Iterable[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    """Return the matchers that `kept` of each wrote."""
    return tuple(Matcher(one["name"], MatchOp(one["op"]), one["value"]) for one in stored)


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Say whether all matchers hold for a set of labels; none hold always."""
    return all(matcher.matches(labels) for matcher in matchers)


def needs_something(matchers: Iterable[Matcher]) -> bool:
    """Say whether at least one of the matchers does not hold for an alert without labels."""
    return not all_match(matchers, {})


def fits(pattern: str, text: str) -> bool:
    """Say whether a whole text fits a regular expression without a flaw; in time that grows linearly with the text."""
    return regexes.matches(rf"\A(?s:{pattern})\z", text)


def require_pattern(pattern: str) -> None:
    """Raise BadPattern for what is no regular expression, or one that would cost too much."""
    if flaw := regexes.flaw(pattern):
        raise BadPattern(flaw)


@dataclass(frozen=True)
class Inhibition:
    """While an alert that `source` matches fires, those that `target` matches are silent if both say the same in all `equal` labels."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def key(self, labels: Labels) -> tuple[str, ...]:
        """Return what two alerts must have in common; a missing label is an empty one."""
        return tuple(labels.get(name, "") for name in self.equal)


def inhibited(
    alerts: Mapping[str, Labels], firing: Mapping[str, Labels], rules: Iterable[Inhibition]
) -> frozenset[str]:
    """Return the fingerprints of those `alerts` that others, which are `firing`, silence.

    One that both sides of a rule match is not silenced by others of which that is true as well, so that no two silence each other
    (Alertmanager's rule).
    """
    silent: set[str] = set()
    for rule in rules:
        targets = {id: labels for id, labels in alerts.items() if all_match(rule.target, labels)}
        if not targets:
            continue
        # of each key whether something fires that is a source, and something that is no target as well
        sources: dict[tuple[str, ...], bool] = {}
        for labels in firing.values():
            if all_match(rule.source, labels):
                key = rule.key(labels)
                sources[key] = sources.get(key, False) or not all_match(rule.target, labels)
        for id, labels in targets.items():
            is_one_sided = sources.get(rule.key(labels))
            if is_one_sided or (is_one_sided is not None and not all_match(rule.source, labels)):
                silent.add(id)
    return frozenset(silent)
