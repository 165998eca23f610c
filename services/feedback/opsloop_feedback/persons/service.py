"""Use cases of people. Who changes who stands for whom holds the workspace's turn, so that two who join crosswise take turns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.workspaces import lock
from opsloop_feedback.filters.rules import ByAuthors, Filters
from opsloop_feedback.persons import queries, rules
from opsloop_feedback.persons.models import Person as Person
from opsloop_feedback.persons.queries import NEWEST_FIRST as NEWEST_FIRST
from opsloop_feedback.persons.queries import SUGGESTED_LAST as SUGGESTED_LAST
from opsloop_feedback.persons.queries import Whom as Whom
from opsloop_feedback.persons.queries import get_person as get_person
from opsloop_feedback.persons.queries import identities_of as identities_of
from opsloop_feedback.persons.queries import members_of as members_of
from opsloop_feedback.persons.queries import people as people
from opsloop_feedback.persons.queries import people_named as people_named
from opsloop_feedback.persons.queries import suggestions as suggestions
from opsloop_feedback.persons.rules import Appearance, Post

_PEOPLE = text(
    "INSERT INTO person (id, workspace, version, created_at, updated_at, known_by, is_verified, name) "
    "SELECT w.id, :workspace, 1, :now, :now, w.known_by, w.is_verified, w.name FROM unnest(CAST(:ids AS uuid[]), "
    "CAST(:known_by AS text[]), CAST(:verified AS bool[]), CAST(:names AS text[])) AS w (id, known_by, is_verified, name) "
    "ON CONFLICT (workspace, known_by, is_verified) DO NOTHING"
)
_IDENTITIES = text(
    "INSERT INTO person_identity (workspace, person_id, source, channel, email, since) "
    "SELECT :workspace, p.id, w.source, w.channel, w.email, w.since FROM unnest(CAST(:known_by AS text[]), "
    "CAST(:verified AS bool[]), CAST(:sources AS text[]), CAST(:channels AS text[]), CAST(:emails AS text[]), "
    "CAST(:times AS timestamptz[])) AS w (known_by, is_verified, source, channel, email, since) "
    "JOIN person AS p ON p.workspace = :workspace AND p.known_by = w.known_by AND p.is_verified = w.is_verified "
    "ON CONFLICT DO NOTHING RETURNING person_id, email"
)
# strangers may claim one address a thousand times: each is suggested with a few, those vouched for first
_BY_EMAIL = text(
    "INSERT INTO person_suggestion (id, workspace, person_id, other_id, reason, created_at) "
    "SELECT gen_random_uuid(), :workspace, least(w.id, o.id), greatest(w.id, o.id), 'same_email', :now "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:emails AS text[])) AS w (id, email) CROSS JOIN LATERAL ("
    "SELECT p.id FROM person AS p WHERE p.workspace = :workspace AND p.id <> w.id AND p.id IN ("
    "SELECT i.person_id FROM person_identity AS i WHERE i.workspace = :workspace "
    "AND i.email = w.email AND i.email <> '' ORDER BY i.since LIMIT :looked_at) "
    "ORDER BY p.is_verified DESC, p.created_at, p.id LIMIT :limit) AS o WHERE o.id <> w.id "
    "ON CONFLICT (workspace, person_id, other_id) DO NOTHING"
)
_BY_CLAIM = text(
    "INSERT INTO person_suggestion (id, workspace, person_id, other_id, reason, created_at) "
    "SELECT gen_random_uuid(), :workspace, least(p.id, o.id), greatest(p.id, o.id), 'claimed_user_id', :now "
    "FROM person AS p JOIN person AS o ON o.workspace = p.workspace AND o.known_by = p.known_by AND o.id <> p.id "
    "WHERE p.workspace = :workspace AND p.id = ANY(CAST(:ids AS uuid[])) AND p.known_by LIKE 'id:%' "
    "ON CONFLICT (workspace, person_id, other_id) DO NOTHING"
)
_FORGET = text(
    "WITH gone AS (UPDATE person SET known_by = NULL, name = NULL, version = version + 1, updated_at = :now WHERE id IN ("
    "SELECT id FROM person WHERE workspace = :workspace AND known_by = ANY(CAST(:known_by AS text[])) ORDER BY id FOR UPDATE) "
    "RETURNING id), ways AS (DELETE FROM person_identity AS i USING gone WHERE i.person_id = gone.id) "
    "DELETE FROM person_suggestion AS s USING gone WHERE gone.id IN (s.person_id, s.other_id)"
)
LOOKED_AT = 100


async def note(session: AsyncSession, posts: Iterable[Post]) -> None:
    """Note who wrote some posts, which the caller locked, and suggest who may be the same; twice is once, and late is in time."""
    found = rules.appearances(posts)
    known = await queries.known_among(session, found) if found else {}
    new = {each: post for each, post in found.items() if each not in known}
    if not new:
        return
    await lock(session)
    given = {"workspace": context_of(session).workspace, "now": clock_of(session).now()}
    names: dict[tuple[str, bool], str | None] = {}
    for each, post in new.items():
        names[each.person] = names.get(each.person) or post.author_name
    whom = sorted(names)
    about = {
        "ids": [uuid7() for _ in whom],
        "known_by": [known_by for known_by, _ in whom],
        "verified": [is_verified for _, is_verified in whom],
        "names": [names[each] for each in whom],
    }
    await session.execute(_PEOPLE, given | about)
    await _note_ways(session, new, given)


async def _note_ways(session: AsyncSession, new: dict[Appearance, Post], given: dict[str, object]) -> None:
    ways = {
        "known_by": [each.known_by for each in new],
        "verified": [each.is_verified for each in new],
        "sources": [each.source for each in new],
        "channels": [each.channel for each in new],
        "emails": [each.email for each in new],
        "times": [post.created_at for post in new.values()],
    }
    kept = {"workspace": given["workspace"]}
    rows = sorted({(row.person_id, row.email) for row in await session.execute(_IDENTITIES, kept | ways)})
    about = {"ids": [id for id, _ in rows], "emails": [email for _, email in rows]}
    await session.execute(_BY_EMAIL, given | about | {"limit": rules.SUGGESTED, "looked_at": LOOKED_AT})
    await session.execute(_BY_CLAIM, given | {"ids": about["ids"]})


async def narrowed(session: AsyncSession, filters: Filters, person_ids: Collection[UUID]) -> ByAuthors:
    """Narrow filters to what some people, and those for whom they stand, wrote; who is not there wrote nothing.

    Raises Invalid (422) for more than a statement can name.
    """
    if len(person_ids) > rules.ASKED:
        raise Invalid("/query/person", f"has more than {rules.ASKED} values")
    known = await queries.authors_of(session, person_ids)
    named = [(rules.user_id_of(by), rules.email_of(by), is_verified) for by, is_verified in known]
    user_ids = [(user_id, is_verified) for user_id, _, is_verified in named if user_id is not None]
    emails = [(email, is_verified) for _, email, is_verified in named if email is not None]
    return ByAuthors(**vars(filters), user_ids=user_ids, emails=emails)


async def merge_person(session: AsyncSession, person_id: UUID, into_id: UUID) -> Person:
    """Let another stand for somebody, and for all for whom they stand; returns the other.

    Raises Invalid (422) for itself, NotFound, Conflict (409) where one was merged already, TooMany.
    """
    if person_id == into_id:
        raise Invalid("/into", "is this person itself")
    await lock(session)
    held = await queries.lock_several(session, (person_id, into_id))
    if len(held) < 2:
        raise NotFound.of(Person.NOUN)
    source, target = held[person_id], held[into_id]
    rules.require_apart(source, target)
    members = await queries.lock_group(session, (person_id, into_id))
    rules.require_room(len(members) + 1)
    for member in members:
        if member.merged_into_id == source.id:
            _change(session, member, {"merged_into_id": target.id})
    _change(session, source, {"joined_id": target.id, "merged_into_id": target.id})
    return target


async def unmerge_person(session: AsyncSession, person_id: UUID) -> Person:
    """Let somebody stand for themselves again, and for those who were joined to them; raises NotFound, Conflict (409)."""
    await lock(session)
    held = await queries.lock_several(session, (person_id,))
    if not held:
        raise NotFound.of(Person.NOUN)
    person = held[person_id]
    if person.merged_into_id is None:
        raise Conflict("This person is not merged.")
    members = await queries.lock_group(session, (person.merged_into_id,))
    theirs = rules.below(person.id, members)
    _change(session, person, {"joined_id": None, "merged_into_id": None})
    for member in members:
        if member.id in theirs:
            _change(session, member, {"merged_into_id": person.id})
    return person


def _change(session: AsyncSession, person: Person, changes: dict[str, UUID | None]) -> None:
    with changing(session, person, changes):
        pass


async def dismiss(session: AsyncSession, suggestion_id: UUID) -> None:
    """Suggest two no more; raises NotFound."""
    suggestion = await queries.get_suggestion(session, suggestion_id)
    if suggestion is None:
        raise NotFound.of("suggestion")
    if suggestion.dismissed_at is None:
        suggestion.dismissed_at = clock_of(session).now()


async def forget(session: AsyncSession, user_ids: Sequence[str], emails: Sequence[str]) -> None:
    """Forget who people were that were erased, and how they came in; whom they were merged with stays.

    `emails`: of those who are known by these alone. Their posts were emptied before, so that none names them anew.
    """
    await lock(session)  # before any person: who joins meanwhile locks them in another order
    names = [rules.called_by(user_id, "") for user_id in user_ids]
    names += [rules.called_by(None, email.lower()) for email in emails]
    given = {"workspace": context_of(session).workspace, "now": clock_of(session).now(), "known_by": names}
    await session.execute(_FORGET, given)
