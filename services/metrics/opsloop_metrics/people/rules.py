"""Who is who: what a block of messages makes of the persons, ids and groups that it names.

A `World` holds those as they are stored, hears messages in the order in which they came, and knows afterwards what has to be
written. One person is never made of two for what a browser says; see `World.hear`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    MAX_ID,
    Heard,
    Link,
    MessageKind,
    Reason,
    is_nobody,
    person_id,
    storable,
)

MAX_TRAITS = 100
"""Names of traits that a person or a group has, those included that were taken back."""
MAX_TRAIT_BYTES = 2 * 1024
"""Of one trait's value as JSON; what is larger stays with its event."""
MAX_GROUPS = 20
"""Groups that one message may name."""
SET, ONCE, UNSET = "set", "once", "unset"
Stamp = tuple[int, str]
"""When a trait was written by the clock of events, in microseconds since 1970, and how."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES_AN_ADDRESS = re.compile(
    r"e-?mail|phone|mobile|^tel$|telephone|fax|address|street|zip|post(al)?_?code|^ip$|ip_?addr|邮箱|邮件|电话|手机|地址|邮编",
    re.IGNORECASE,
)
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"@|＠|://|(?:\d[\s().+/-]*){7}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-][\d:]+)?)?")
MAX_TOLD_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message came to. Without a person it is refused, because of `reason`; with one a reason is a warning."""

    person_id: UUID | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """A person that was found to be another one. Of two rows about one `person_id` the higher version says where it is now."""

    person_id: UUID
    into_id: UUID
    version: int


@dataclass(slots=True)
class Traits:
    """What was said of somebody, and when, so that what comes late overwrites nothing newer."""

    values: dict[str, JsonValue] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)


@dataclass(slots=True)
class Person:
    """A person; `user_id` is what it is called by: its first id that the customer gave, or the first of all.

    `version` is the stored one, 0: not stored yet.
    """

    id: UUID
    user_id: str
    first_seen_at: datetime
    is_identified: bool = False
    traits: Traits = field(default_factory=Traits)
    version: int = 0


@dataclass(slots=True)
class Alias:
    """Whose an id is. `is_claimed`: nobody had met it when somebody who may not merge people said whose it is."""

    person_id: UUID
    is_identified: bool = False
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a block came to: a verdict for each message in its order, and what the event store has to hear of persons."""

    verdicts: Sequence[Verdict]
    persons: Sequence[Person] = ()
    merges: Sequence[Merge] = ()


class World:
    """The persons whom a block of one workspace's messages names, and what becomes of them.

    `aliases` are all of the block's ids that are known, `persons` those whom they stand for, `erased` the ids that must not come
    back, `groups` the known ones of those that messages say something of.
    """

    def __init__(
        self,
        workspace: str,
        aliases: Mapping[str, Alias],
        persons: Iterable[Person],
        *,
        erased: frozenset[str] = frozenset(),
        groups: Mapping[tuple[str, str], Traits] | None = None,
    ) -> None:
        self._workspace = workspace
        self._erased = erased
        self.aliases = dict(aliases)
        self.persons = {person.id: person for person in persons}
        self.groups = dict(groups or {})
        self._known = {id for id, person in self.persons.items() if person.is_identified}
        self._merged: dict[UUID, tuple[UUID, Heard]] = {}
        self._changed: set[UUID] = set()
        self._members: dict[tuple[UUID, str, str], datetime] = {}
        self.changed_ids: set[str] = set()
        self.changed_groups: dict[tuple[str, str], datetime] = {}

    def is_settled(self, heard: Heard) -> bool:
        """Say whether a message tells nothing new of anybody, as almost all do: then nothing has to be locked or written."""
        message, alias = heard.message, self.aliases.get(heard.message.distinct_id)
        if alias is None:
            return False
        if message.personless:
            return message.kind is not MessageKind.GROUP
        if heard.time < self.persons[alias.person_id].first_seen_at:
            return False
        if is_nobody(message.distinct_id):
            return True
        if message.is_identified and not alias.is_identified:
            return False
        if message.traits_set or message.traits_set_once or message.traits_unset or message.groups:
            return False
        return all(self._is_settled(alias, link) for link in message.links)

    def _is_settled(self, alias: Alias, link: Link) -> bool:
        other = self.aliases.get(link.other_id)
        if is_nobody(link.other_id) or (other is not None and other.person_id == alias.person_id):
            return True
        return other is not None and not link.explicit and self.persons[other.person_id].is_identified

    def hear(self, heard: Heard) -> Verdict:
        """Take in one message.

        An anonymous id's person joins the user's unless it is a user already: two people on one device stay two, and the
        device's id stays with the first. An explicit link joins two users as well, if its sender may do so. Ids that stand for
        nobody join nobody. What is known of the person who stays outweighs what is known of the other. The verdict names
        the person of this moment; `living` the one at the end.
        """
        message, speaker = heard.message, heard.message.distinct_id
        if speaker in self._erased:
            return Verdict(None, Reason.ERASED)
        if message.personless:
            warning = None if self._describe(heard) else Reason.TOO_LARGE
            alias = self.aliases.get(speaker)
            known = person_id(self._workspace, speaker) if alias is None else self.living(alias.person_id)
            return Verdict(known, warning)
        person = self._speaker(speaker, heard)
        if is_nobody(speaker):
            return Verdict(person.id)
        if message.is_identified:
            person = self._identify(speaker, person, heard)
        warning = None
        for link in message.links:
            person, refused = self._link(person, link, heard)
            warning = warning or refused
        written = self._write(person.traits, heard)
        if any(written):
            self._changed.add(person.id)
        is_whole = self._join(person, heard) and None not in written
        return Verdict(person.id, warning or (None if is_whole else Reason.TOO_LARGE))

    def living(self, id: UUID) -> UUID:
        """Return as whom a person goes on: itself, or whom it was found to be."""
        path = []
        while id in self._merged:
            path.append(id)
            id = self._merged[id][0]
        for gone in path[:-1]:
            self._merged[gone] = (id, self._merged[gone][1])
        return id

    def _speaker(self, speaker: str, heard: Heard) -> Person:
        alias = self.aliases.get(speaker)
        if alias is None:
            return self._make(speaker, heard)
        person = self.persons[self.living(alias.person_id)]
        if heard.time < person.first_seen_at:
            person.first_seen_at = heard.time
            self._changed.add(person.id)
        return person

    def _make(self, id: str, heard: Heard) -> Person:
        person = Person(person_id(self._workspace, id), id, heard.time)
        self.persons[person.id] = person
        self._changed.add(person.id)
        self._attach(id, person)
        return person

    def _attach(self, id: str, person: Person, *, is_claimed: bool = False) -> None:
        self.aliases[id] = Alias(person.id, is_claimed=is_claimed)
        self.changed_ids.add(id)

    def _identify(self, id: str, person: Person, heard: Heard) -> Person:
        alias = self.aliases[id]
        if alias.is_identified:
            return person
        if alias.is_claimed and person.is_identified:
            # somebody in a browser took this user's id before the user came: the user starts apart
            person = self._make(id, heard)
        self.aliases[id].is_identified = True
        self.changed_ids.add(id)
        if not person.is_identified:
            person.is_identified, person.user_id = True, id
            self._changed.add(person.id)
        return person

    def _link(self, person: Person, link: Link, heard: Heard) -> tuple[Person, Reason | None]:
        """Return who the speaker is after the claim, and why it was refused, if it was."""
        other = link.other_id
        if is_nobody(other):
            return person, None
        if other in self._erased:
            # clients say both ids with whatever somebody does: only who asks for a merge is told that there is none
            return person, Reason.ERASED if link.explicit else None
        alias = self.aliases.get(other)
        if alias is None:
            self._attach(other, person, is_claimed=not heard.may_merge_identified)
            return person, None
        theirs = self.persons[self.living(alias.person_id)]
        if theirs is person or (theirs.is_identified and not link.explicit):
            return person, None
        if theirs.is_identified and person.is_identified and not heard.may_merge_identified:
            return person, Reason.MERGE_REFUSED
        gone, into = (person, theirs) if theirs.is_identified and not person.is_identified else (theirs, person)
        is_whole = self._merge(gone, into, heard)
        return into, None if is_whole else Reason.TOO_LARGE

    def _merge(self, gone: Person, into: Person, heard: Heard) -> bool:
        """Join a person to another; says whether all that was known of it is known of the other now."""
        self._merged[gone.id] = (into.id, heard)
        into.first_seen_at = min(into.first_seen_at, gone.first_seen_at)
        self._changed.add(into.id)
        for name in sorted(gone.traits.stamps.keys() - into.traits.stamps.keys()):
            if not _has_room(into.traits, MAX_TRAITS):
                return False
            into.traits.stamps[name] = gone.traits.stamps[name]
            if name in gone.traits.values:
                into.traits.values[name] = gone.traits.values[name]
        return True

    def _write(self, traits: Traits, heard: Heard) -> list[bool | None]:
        message = heard.message
        said = [(name, ONCE, value) for name, value in message.traits_set_once.items()]
        said += [(name, SET, value) for name, value in message.traits_set.items()]
        said += [(name, UNSET, None) for name in message.traits_unset]
        return [_put(traits, *each, heard) for each in said]

    def _join(self, person: Person, heard: Heard) -> bool:
        """Keep in which groups somebody is and what is said of them; says whether all of it is kept."""
        for type, key in list(heard.message.groups.items())[:MAX_GROUPS]:
            member = (person.id, storable(type), storable(key))
            self._members[member] = min(heard.time, self._members.get(member, heard.time))
        return self._describe(heard) and len(heard.message.groups) <= MAX_GROUPS

    def _describe(self, heard: Heard) -> bool:
        """Keep what a message says of the one group that it names; a server says it without anybody who speaks."""
        named = heard.message.groups
        if heard.message.kind is not MessageKind.GROUP or len(named) != 1:
            return True
        [group] = [(storable(type), storable(key)) for type, key in named.items()]
        traits = self.groups.setdefault(group, Traits())
        self.changed_groups[group] = min(heard.time, self.changed_groups.get(group, heard.time))
        return None not in [_put(traits, name, SET, value, heard) for name, value in heard.message.group_traits.items()]

    def changed_persons(self) -> list[Person]:
        """Return who has to be written: those who live, by id, so that two writers meet in one order."""
        living = self._changed - self._merged.keys()
        return [self.persons[id] for id in sorted(living)]

    def merged(self) -> dict[UUID, tuple[UUID, Heard]]:
        """Return which stored persons were found to be which who live, and what said so."""
        stored = (id for id in sorted(self._merged) if self.persons[id].version)
        return {id: (self.living(id), self._merged[id][1]) for id in stored}

    def members(self) -> dict[tuple[UUID, str, str], datetime]:
        """Return who was said to be in which group (type, key), and since when."""
        found: dict[tuple[UUID, str, str], datetime] = {}
        for (id, type, key), at in self._members.items():
            member = (self.living(id), type, key)
            found[member] = min(at, found.get(member, at))
        return dict(sorted(found.items()))

    def newly_identified(self) -> list[Person]:
        """Return who became a user in this block."""
        return [person for person in self.changed_persons() if person.is_identified and person.id not in self._known]


def ids_of(block: Iterable[Heard]) -> list[str]:
    """Return all ids that messages name, each once, sorted."""
    named = {heard.message.distinct_id for heard in block}
    return sorted(named.union(*({link.other_id for link in heard.message.links} for heard in block)))


def groups_of(block: Iterable[Heard]) -> list[tuple[str, str]]:
    """Return the groups (type, key) of which messages say something, sorted."""
    named = (heard.message.groups for heard in block if heard.message.kind is MessageKind.GROUP)
    return sorted(
        {(storable(type), storable(key)) for groups in named if len(groups) == 1 for type, key in groups.items()}
    )


def _put(traits: Traits, name: str, how: str, value: JsonValue, heard: Heard) -> bool | None:
    """Write a trait if nothing newer is known of it; says whether anything became different, None where it is not kept at all.

    A page's key fills half of the room: whatever it writes, there is some for what the customer's servers say.
    """
    name, stamp = storable(name), ((heard.time - _EPOCH) // timedelta(microseconds=1), how)
    known = traits.stamps.get(name)
    room = MAX_TRAITS if heard.may_merge_identified else MAX_TRAITS // 2
    if not _is_kept(name, value) or (known is None and not _has_room(traits, room)):
        return None
    if known is not None and not _outweighs(stamp, known):
        return False
    before, traits.stamps[name] = (known, traits.values.get(name)), stamp
    if how == UNSET:
        traits.values.pop(name, None)
    else:
        traits.values[name] = _storable(value)
    return before != (stamp, traits.values.get(name))


def _has_room(traits: Traits, room: int) -> bool:
    """Say whether there is room for one more trait. Of those that were unset the one that was first gives way."""
    if len(traits.stamps) < room:
        return True
    unset = [(at, name) for name, (at, how) in traits.stamps.items() if how == UNSET]
    if unset:
        del traits.stamps[min(unset)[1]]
    return bool(unset)


def _outweighs(stamp: Stamp, known: Stamp) -> bool:
    """Say whether a trait written so replaces one written so: as if both had come in the order of their times.

    The last word counts; what is to be set once fills only what is empty, and gives way to what is set at any time.
    """
    (at, how), (known_at, known_how) = stamp, known
    if how == ONCE:
        return at < known_at if known_how == ONCE else known_how == UNSET and at > known_at
    return at >= known_at or (how == SET and known_how == ONCE)


def _is_kept(name: str, value: JsonValue) -> bool:
    return len(name) <= MAX_ID and len(orjson.dumps(_storable(value))) <= MAX_TRAIT_BYTES


def _storable(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(name): _storable(each) for name, each in value.items()}
    return value


def told_traits(traits: Mapping[str, JsonValue]) -> dict[str, str | int | float | bool]:
    """Return what other services may hear of a person: single values that hold no address, by name or by look."""
    return {
        name: value
        for name, value in traits.items()
        if isinstance(value, str | int | float)
        and not _NAMES_AN_ADDRESS.search(name)
        and not _LOOKS_LIKE_AN_ADDRESS.search(name)
        and not (isinstance(value, str) and _may_hold_an_address(value))
    }


def _may_hold_an_address(said: str) -> bool:
    if len(said) > MAX_TOLD_CHARACTERS:
        return True
    return _LOOKS_LIKE_AN_ADDRESS.search(said) is not None and not _DATE.fullmatch(said)
