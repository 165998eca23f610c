"""Keep where people are reached, and what they want to hear."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, resources
from opsloop_common.contracts.notifications import RecipientUnsubscribed
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import NotFound
from opsloop_common.turns import breathing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_notifications.recipients import learning, queries, rules
from opsloop_notifications.recipients.learning import DOUBLE_OPT_IN as DOUBLE_OPT_IN
from opsloop_notifications.recipients.learning import SERVER as SERVER
from opsloop_notifications.recipients.learning import Teller as Teller
from opsloop_notifications.recipients.models import Recipient as Recipient
from opsloop_notifications.recipients.rules import NO_GROUND, NOBODY, AddressState
from opsloop_notifications.recipients.rules import Said as Said

UNDONE = (
    *("email", "state", "locale", "name", "time_zone", "consent_source", "consent_at", "wanted", "is_by_hand"),
    *("learned", "claimed_email", "claim"),
)
"""What a row of many may change of a person."""
_BLANK = dict.fromkeys(UNDONE) | dict(NOBODY)


@dataclass(frozen=True)
class Taken:
    """What one of many rows came to. `version`: what the recipient has now; `before`: what it said before, None of a new one."""

    status: Literal["created", "updated", "existing"]
    kept_address: bool
    version: int
    before: Mapping[str, Any] | None


async def put_recipient(
    session: AsyncSession, user_id: str, said: Mapping[str, Any], *, expected: Precondition
) -> tuple[Recipient, bool]:
    """Write what is said of one person; returns the recipient and whether it is new. Raises StaleVersion.

    `said`: email, locale, name, time_zone and state, which None leaves to the address.
    """
    recipient = await queries.find_and_lock(session, user_id)
    if recipient is None:
        expected.require_none()
        recipient = await _add(session, user_id, _by_hand(None, _with_state(None, said)))
        if recipient is None:  # somebody else added it between the two statements
            return await put_recipient(session, user_id, said, expected=expected)
        return recipient, True
    expected.require(recipient.version)
    return resources.change(session, recipient, _by_hand(recipient, _with_state(recipient, said))), False


async def change_recipient(
    session: AsyncSession, user_id: str, changes: Mapping[str, Any], *, expected: Precondition
) -> Recipient:
    """Change what is said of one person; raises NotFound, StaleVersion."""
    recipient = await queries.lock_recipient(session, user_id, expected)
    if "email" in changes or "state" in changes:
        changes = _with_state(recipient, {"email": recipient.email} | dict(changes))
    return resources.change(session, recipient, _by_hand(recipient, changes) if changes else {})


def _by_hand(recipient: Recipient | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    present = NOBODY if recipient is None else _known(recipient)
    return {**changes, **rules.put(present, changes), "is_by_hand": True}


def _known(recipient: Recipient) -> dict[str, Any]:
    return {name: getattr(recipient, name) for name in UNDONE}


def _with_state(recipient: Recipient | None, said: Mapping[str, Any]) -> dict[str, Any]:
    present, email = (recipient.state, recipient.email) if recipient else (None, None)
    state = rules.state_after(present, email, said["email"], said.get("state"))
    is_on_ground = email == said["email"] and state == AddressState.CONFIRMED
    return {**said, "state": state, **({} if is_on_ground else NO_GROUND)}


async def hear_contact(session: AsyncSession, user_id: str, said: Mapping[str, str], teller: Teller) -> None:
    """Follow what somebody says of a person elsewhere: email, locale and name, as far as it says them. See `learning.heard`."""
    recipient = await queries.find_and_lock(session, user_id)
    if recipient is not None:
        resources.change(session, recipient, learning.heard(_known(recipient), said, teller))
    elif said and await _add(session, user_id, learning.heard(NOBODY, said, teller)) is None:
        await hear_contact(session, user_id, said, teller)  # somebody else added it between the two statements


async def take_many(session: AsyncSession, rows: Sequence[tuple[str, Said]]) -> list[Taken]:
    """Take over what rows say of people, in their order; what a row leaves out stays. See `rules.merged`."""
    first = dict(reversed(rows))
    people = {row.user_id: row for row in await queries.lock_recipients(session, list(first))}
    fresh = {user_id: said for user_id, said in first.items() if user_id not in people}
    added = await _insert(session, {user_id: rules.merged(NOBODY, said)[0] for user_id, said in fresh.items()})
    new = {row.user_id: row for row in added}
    late = [user_id for user_id in fresh if user_id not in new]  # somebody else added them between the two statements
    people |= {row.user_id: row for row in (await queries.lock_recipients(session, late) if late else ())} | new

    def take(row: tuple[str, Said]) -> Taken:
        user_id, said = row
        is_new = new.pop(user_id, None) is not None
        return (_created if is_new else _take)(session, people[user_id], said)

    return await breathing(take, rows)


def _created(session: AsyncSession, recipient: Recipient, _: Said) -> Taken:
    _tell_left_out(session, recipient, {}, by="api")
    return Taken("created", False, recipient.version, None)


def _take(session: AsyncSession, recipient: Recipient, said: Said) -> Taken:
    before = _known(recipient)
    changes, kept_address = rules.merged(before, said)
    version = recipient.version
    with resources.changing(session, recipient, changes):
        _tell_left_out(session, recipient, before["wanted"], by="api")
    is_same = recipient.version == version
    return Taken("existing" if is_same else "updated", kept_address, recipient.version, before)


async def foretell_many(session: AsyncSession, rows: Sequence[tuple[str, Said]]) -> list[Taken]:
    """Say what `take_many` would come to; nothing changes."""
    workspace = context_of(session).workspace
    known = await queries.recipients_by_key(session, list({(workspace, user_id): None for user_id, _ in rows}))
    people = {user_id: (row.version, _known(row)) for (_, user_id), row in known.items()}

    def foretold(row: tuple[str, Said]) -> Taken:
        user_id, said = row
        if user_id not in people:
            people[user_id] = (1, _BLANK | rules.merged(NOBODY, said)[0])
            return Taken("created", False, 1, None)
        version, before = people[user_id]
        changes, kept_address = rules.merged(before, said)
        after = before | changes
        is_same = after == before
        people[user_id] = (version + (not is_same), after)
        return Taken("existing" if is_same else "updated", kept_address, people[user_id][0], before)

    return await breathing(foretold, rows)


async def take_back(session: AsyncSession, taken: Mapping[str, tuple[int, Mapping[str, Any] | None]]) -> int:
    """Undo what rows did to people who are as they left them (version, what they said before); returns how many those were."""
    found = await queries.lock_recipients(session, list(taken))
    same = [recipient for recipient in found if recipient.version == taken[recipient.user_id][0]]
    for recipient in same:
        before = taken[recipient.user_id][1]
        if before is None:
            await resources.delete(session, recipient)
        else:
            resources.change(session, recipient, before)
    return len(same)


async def _add(session: AsyncSession, user_id: str, said: Mapping[str, Any]) -> Recipient | None:
    return next(iter(await _insert(session, {user_id: said})), None)


async def _insert(session: AsyncSession, people: Mapping[str, Mapping[str, Any]]) -> Sequence[Recipient]:
    """Add those who are not known, in the order of their ids so that two batches cannot deadlock, and return them."""
    if not people:
        return ()
    now, workspace = clock_of(session).now(), context_of(session).workspace
    own = {"workspace": workspace, "version": 1, "created_at": now, "updated_at": now}
    given = _BLANK | {"digests": {}} | own
    rows = [
        given | dict(said) | {"user_id": user_id, "person_id": rules.person_id(workspace, user_id)}
        for user_id, said in sorted(people.items())
    ]
    # rows beside the statement, not in it: so it is compiled once
    added = (await session.scalars(insert(Recipient).on_conflict_do_nothing().returning(Recipient), rows)).all()
    for recipient in added:
        resources.tell(session, recipient, "created", after=recipient.audited())
    return added


async def delete_recipient(session: AsyncSession, user_id: str, *, expected: Precondition) -> None:
    """Forget one person's address, and what they wanted."""
    recipient = await queries.lock_recipient(session, user_id, expected)
    await resources.delete(session, recipient)


def require_own(user_id: str, as_user: str | None) -> None:
    """Raise NotFound for a person's token that asks about somebody else."""
    if as_user is not None and as_user != user_id:
        raise NotFound.of("recipient", by="user_id")


async def set_preferences(
    session: AsyncSession,
    user_id: str,
    *,
    as_user: str | None = None,
    wanted: rules.Wanted,
    digests: rules.Digests,
    quiet: tuple[time, time] | None,
    expected: Precondition,
) -> Recipient:
    """Say what one person wants to hear and when not; tells of what is not wanted any more. Raises NotFound, StaleVersion.

    Unless the person says it (`as_user`), what is off stays so until it is named: a link of theirs may have put it off.
    """
    require_own(user_id, as_user)
    recipient = await queries.lock_recipient(session, user_id, expected)
    if as_user is None:
        wanted = rules.over(rules.only_off(recipient.wanted), wanted)
    start, end = quiet or (None, None)
    _want(session, recipient, {"wanted": wanted, "digests": digests, "quiet_start": start, "quiet_end": end}, by="api")
    return recipient


async def unsubscribe(session: AsyncSession, person_id: UUID, *, topic: str, channel: str) -> Recipient | None:
    """Take a person off a topic on a channel, as a link of theirs says; None when there is nobody of that id any more."""
    recipient = await queries.lock_by_person(session, person_id)
    if recipient is not None:
        _want(session, recipient, {"wanted": rules.without_channel(recipient.wanted, topic, channel)}, by="link")
    return recipient


async def choose(
    session: AsyncSession, person_id: UUID, *, wanted: rules.Wanted, digests: rules.Digests
) -> Recipient | None:
    """Take over what a person chose of some topics on their page; None when there is nobody of that id any more."""
    recipient = await queries.lock_by_person(session, person_id)
    if recipient is not None:
        changes = {"wanted": rules.over(recipient.wanted, wanted), "digests": rules.over(recipient.digests, digests)}
        _want(session, recipient, changes, by="link")
    return recipient


def _want(
    session: AsyncSession, recipient: Recipient, changes: Mapping[str, Any], *, by: Literal["link", "api"]
) -> None:
    before = recipient.wanted
    with resources.changing(session, recipient, changes):
        _tell_left_out(session, recipient, before, by=by)


def _tell_left_out(
    session: AsyncSession, recipient: Recipient, before: rules.Wanted, *, by: Literal["link", "api"]
) -> None:
    for topic, channel in rules.left_out(before, recipient.wanted):
        outbox.append(
            session,
            RecipientUnsubscribed(
                recipient_id=recipient.person_id, user_id=recipient.user_id, topic=topic, channel=channel, by=by
            ),
        )


async def find_person(session: AsyncSession, person_id: UUID) -> Recipient | None:
    """Return who a link of ours is about, or None."""
    return await queries.find_by_person(session, person_id)


async def mark_address(session: AsyncSession, email: str, state: AddressState | None) -> Sequence[Recipient]:
    """Say what became of an address (None: nothing) for all who have it, and return them."""
    found = await queries.lock_at_address(session, email)
    for recipient in found if state is not None else ():
        resources.change(session, recipient, {"state": state})
    return found


async def confirm(session: AsyncSession, person_id: UUID, *, email: str) -> bool:
    """Take a person's word that an address is theirs; says whether it is still one that is kept of them."""
    recipient = await queries.lock_by_person(session, person_id)
    if recipient is None:
        return False
    changes = learning.owned(_known(recipient), email, clock_of(session).now())
    if changes is None:
        return False
    resources.change(session, recipient, changes)
    return True


async def ask_for(session: AsyncSession, user_id: str) -> tuple[Recipient, str]:
    """Remember that a person is asked now whether an address is theirs; returns both. Raises NotFound, Conflict."""
    recipient = await queries.lock_recipient(session, user_id, ANY_VERSION)
    now = clock_of(session).now()
    address = learning.address_to_ask(_known(recipient), recipient.asked_at, now)
    recipient.asked_at = now
    return recipient, address


async def hold(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Have others who send to the same people wait until the transaction ends: what each got lately is counted one by one."""
    await queries.lock_recipients(session, user_ids)


async def reach(session: AsyncSession, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Recipient]:
    """Return the known ones among (workspace, user id)."""
    return await queries.recipients_by_key(session, keys)


async def erase_recipients(session: AsyncSession, user_ids: Sequence[str]) -> list[str]:
    """Forget people who were erased; returns the addresses that they had."""
    found = await queries.lock_recipients(session, user_ids)
    for recipient in found:
        await resources.delete(session, recipient)
    return [address for each in found for address in (each.email, each.claimed_email) if address is not None]
