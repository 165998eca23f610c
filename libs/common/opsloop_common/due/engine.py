"""Work off a queue: claim in batches, share out the places, perform, record many results at once, claim more.

Due rows, webhooks and mails go through here. Nothing here knows what is done: a room says what to claim, perform and record
(`Work`). Claims end with this process's heartbeat, so what was in flight at a crash is tried again within seconds.

A workspace's work of one group stands in one line. It moves on when its group has places, and its workspace a share of those
that all workspaces have together (`shares.Places`): a slow endpoint holds up itself, a greedy workspace itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic
from uuid import UUID

import structlog

from opsloop_common import limits
from opsloop_common.db import Database
from opsloop_common.due.claims import release_own_claims, set_aside
from opsloop_common.due.metrics import HeldMeter, RecordMeter
from opsloop_common.due.port import Ask, Gate, ItemT, Line, ResultT, Work
from opsloop_common.faults import cancelled_only_from_outside, is_of_the_data, is_transient, reason
from opsloop_common.shares import Places
from opsloop_common.supervision import Pauses, patiently
from opsloop_common.wakeups import wait

BATCH = 500  # rows of a claim, and results of a record
LEAST_OF_A_WORKSPACE = 32  # rows of a claim, however many workspaces are behind
PAUSES = Pauses(first=1.0, longest=1.0)
BACKLOG_SECONDS = 0.05
REFILL = 128  # results recorded before the next claim of a backlog
SWEEP_SECONDS = 10.0  # between looks for claims of which nobody knows here: their commit got no answer

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Part(Generic[ItemT, ResultT]):
    """Results that are recorded together; `is_bare`: the only one, in our words, since it could not be recorded as it was."""

    results: list[tuple[ItemT, ResultT]]
    is_bare: bool = False


class Engine(Generic[ItemT, ResultT]):
    """Works off one queue in one process, for one `run`, and is a Taker."""

    def __init__(self, database: Database, work: Work[ItemT, ResultT], *, owner: UUID) -> None:
        self.owner = owner
        self._database = database
        self._work = work
        self._waiting: defaultdict[Line, deque[ItemT]] = defaultdict(deque)
        self._barred: dict[Gate, dict[Line, None]] = {}
        self._running: Counter[Line] = Counter()
        self._looks: dict[Line, asyncio.TimerHandle] = {}
        self._tasks: dict[asyncio.Task[None], ItemT] = {}
        self._held: Counter[Line] = Counter()
        self._by_kind: Counter[str] = Counter()
        self._memory = Places(limits.QUEUE_HELD, kept=limits.QUEUE_HELD_KEPT)
        self._ids: set[Hashable] = set()
        self._twice: set[Hashable] = set()  # claimed again before they were let go: these claims are given back
        self._handed: Counter[Hashable] = Counter()
        self._asked = 0  # rows that the claim under way may bring
        self._swept_at = time.monotonic()
        self._results: list[tuple[ItemT, ResultT]] = []
        self._apart: list[_Part[ItemT, ResultT]] = []  # what goes before them: put back, or not recorded together
        self._is_stuck = False  # nothing can be recorded, for a reason that no result gave
        self._recorded = 0
        self._behind: Set[str] = frozenset()
        self._finished = asyncio.Event()
        self._more = asyncio.Event()
        database.meters.of(HeldMeter).watch(work.kinds, self._by_kind)
        self._records = database.meters.of(RecordMeter)
        self._records.know(work.table)

    def room(self, workspace: str, group: str) -> int:
        """Return how many new rows of a group may be claimed for `owner` as they are made, and handed to `take`.

        A claim that is under way just then may bring as many again.
        """
        return max(0, min(self._work.never_left - self._held[workspace, group], self.spare(workspace)))

    def spare(self, workspace: str) -> int:
        """Return how many new rows that may be of a workspace in all, beside those that are being handed over."""
        coming = len(self._handed) + self._asked
        return 0 if workspace in self._behind else max(0, self._memory.room(workspace) - coming)

    @contextmanager
    def handing_over(self, lines: Mapping[Hashable, Line]) -> Iterator[None]:
        """Write down which rows are about to be claimed for `owner`: until the end of the block no sweep frees them.

        The claim is committed some time before anybody here hears of it, however long the loop takes to tell them; a claim
        that is made meanwhile counts them among what their lines have.
        """
        self._handed.update(lines.keys())
        self._held.update(lines.values())
        try:
            yield
        finally:
            self._handed -= Counter(lines.keys())
            self._held -= Counter(lines.values())

    def take(self, items: Sequence[ItemT]) -> None:
        """Work on rows that are committed and claimed for `owner`, each once; one that is never taken is soon free again."""
        lines: Counter[Line] = Counter()
        for item in items:
            if item.id in self._ids:
                _log.warning("queue.taken_twice", table=self._work.table, id=str(item.id))
                self._twice.add(item.id)
                continue
            line = (item.workspace, item.group)
            self._ids.add(item.id)
            self._held[line] += 1
            self._by_kind[item.kind] += 1
            self._waiting[line].append(item)
            lines[line] += 1
        for (workspace, _), count in lines.items():
            self._memory.enter(workspace, count=count)
        for line in lines:
            self._fill(line)

    async def run(self) -> None:
        """Work until cancelled; then let what is in flight end for a few seconds, and give back the rest."""
        wakeups, table = self._database.wakeups, self._work.table
        self._more = wakeups.subscribe(table)
        try:
            await self._give_back()
            wakeups.takers[table] = self
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._claim_loop())
                loops.create_task(self._record_loop())
        finally:
            wakeups.takers.pop(table, None)
            wakeups.unsubscribe(table, self._more)
            await self._drain()

    async def _claim_loop(self) -> None:
        while True:
            # what is in flight goes on meanwhile; its claims are ours for as long as our heart beats
            await patiently(self._work.table, self._claim_and_wait, pauses=PAUSES)

    async def _claim_and_wait(self) -> None:
        self._more.clear()
        self._recorded = 0
        pause = await self.claim()
        if self._twice - self._ids:
            self._twice &= self._ids
            await self._give_back()
            pause = 0.0
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            await self._give_back(before=self._database.clock.now() - timedelta(seconds=SWEEP_SECONDS))
        await wait(self._more, pause)
        if self._work.gather_seconds:
            await asyncio.sleep(self._work.gather_seconds)

    async def claim(self) -> float:
        """Claim what there is room for and begin it; returns after how many seconds to look again."""
        ask = self._ask()
        if ask.limit <= 0 or self._is_stuck:
            return self._work.poll_seconds
        self._asked = ask.limit
        try:
            claimed = await self._work.claim(ask)
        finally:
            self._asked = 0
        self.take(claimed.items)
        self._behind = self._left_behind(ask, Counter(item.workspace for item in claimed.items))
        if (
            claimed.items and self._behind
        ):  # room in their lines comes back all the time: gather some before the next claim
            return BACKLOG_SECONDS
        if claimed.next_at is None:
            return self._work.poll_seconds
        until = (claimed.next_at - self._database.clock.now()).total_seconds() + 0.001
        return min(max(until, 0.0), self._work.poll_seconds)

    def _ask(self) -> Ask:
        workspaces = {workspace for workspace, _ in self._held}
        return Ask(
            now=self._database.clock.now(),
            owner=self.owner,
            limit=min(2 * BATCH, self._memory.size - self._memory.taken - len(self._handed)),
            share=max(LEAST_OF_A_WORKSPACE, BATCH // max(1, len(self._behind))),
            full=[workspace for workspace in workspaces if self._memory.room(workspace) <= 0],
            held=self._held,
        )

    def _left_behind(self, ask: Ask, came: Counter[str]) -> Set[str]:
        """Return the workspaces of which due rows may be left in the table: what is new of them waits for its turn there."""
        if came.total() >= ask.limit:
            return {workspace for workspace, _ in self._held}
        cut = {workspace for workspace, count in came.items() if count >= ask.share}
        long = {workspace for (workspace, _), count in self._held.items() if count >= self._work.never_left}
        return cut | long | set(ask.full)

    def _fill(self, line: Line) -> None:
        """Begin what waits in a line, as long as its group and its workspace have places."""
        waiting = self._waiting[line]
        while waiting and self._running[line] < self._work.places(waiting[0]):
            gate = self._work.gate(waiting[0])
            if not gate.has_room():
                self._barred.setdefault(gate, {})[line] = None
                return
            self._begin(waiting.popleft(), line, gate)
        if not waiting:
            del self._waiting[line]
        elif seconds := self._work.opens_in(waiting[0]):
            self._look_later(line, seconds)

    def _look_later(self, line: Line, seconds: float) -> None:
        if line not in self._looks:
            loop = asyncio.get_running_loop()
            self._looks[line] = loop.call_later(min(seconds, self._work.poll_seconds), self._look, line)

    def _look(self, line: Line) -> None:
        del self._looks[line]
        if line in self._waiting:
            self._fill(line)

    def _begin(self, item: ItemT, line: Line, gate: Gate) -> None:
        self._running[line] += 1
        self._work.begins(item)
        gate.enter()
        task = asyncio.create_task(self._perform(item, line, gate))
        self._tasks[task] = item
        task.add_done_callback(self._tasks.pop)

    async def _perform(self, item: ItemT, line: Line, gate: Gate) -> None:
        try:
            with cancelled_only_from_outside():
                result = await self._work.perform(item)
        except Exception as error:  # noqa: BLE001 one broken piece of work must not stop the others
            _log.exception("queue.broken", table=self._work.table, id=str(item.id))
            result = self._work.broken(item, error)
        finally:
            gate.leave()
            self._running[line] -= 1
            if not self._running[line]:
                del self._running[line]
        if self._work.settles(result):
            self._let_go([item])
            self._went(1)
        else:
            self._results.append((item, result))
            self._finished.set()
        self._go_on(line, gate)

    def _go_on(self, line: Line, gate: Gate) -> None:
        if not self._barred:
            self._fill(line)
            return
        if line in self._waiting:
            self._barred.setdefault(gate, {})[line] = None
        for each in sorted(self._barred, key=Gate.weight):
            if each.has_room():
                self._let_in(each)

    def _let_in(self, gate: Gate) -> None:
        lines = self._barred.pop(gate)
        while lines and gate.has_room():
            line = next(iter(lines))
            del lines[line]
            self._fill(line)
        if lines:  # those that did not get as far stand before those that were filled and are barred again
            self._barred[gate] = lines | self._barred.get(gate, {})

    async def _record_loop(self) -> None:
        while True:
            await self._finished.wait()
            if self._work.record_seconds:
                await asyncio.sleep(self._work.record_seconds)
            self._finished.clear()
            # work that is done is not forgotten and done again, whatever keeps it from being recorded
            self._went(await patiently(self._work.table, self._record, pauses=PAUSES, passing=lambda _: True))

    def _went(self, count: int) -> None:
        self._recorded += count
        if self._behind and (self._recorded >= REFILL or not self._held):
            self._more.set()

    async def _record(self) -> int:
        """Record the next results together, or take them apart; returns how many are recorded."""
        part = self._next_part()
        if not part.results:
            return 0
        with ExitStack() as unless_recorded:  # also when cancelled in the middle: it is recorded while draining
            unless_recorded.callback(self._apart.append, part)
            try:
                await self._work.record([result for _, result in part.results], owner=self.owner)
            except Exception as error:  # noqa: BLE001 whatever a result makes it raise, it takes no other with it
                self._require_of_the_data(error)
                is_over = await self._take_apart(part, error)
            else:
                is_over = True
            unless_recorded.pop_all()
        self._set_stuck(False)
        if self._apart or self._results:
            self._finished.set()
        if not is_over:
            return 0
        self._let_go([item for item, _ in part.results])
        return len(part.results)

    def _next_part(self) -> _Part[ItemT, ResultT]:
        if self._apart:
            return self._apart.pop()
        results, self._results = self._results[:BATCH], self._results[BATCH:]
        return _Part(results)

    def _require_of_the_data(self, error: Exception) -> None:
        if is_of_the_data(error):
            return
        self._set_stuck(not is_transient(error))
        raise error

    def _set_stuck(self, is_stuck: bool) -> None:
        self._is_stuck = is_stuck
        self._records.show_stuck(self._work.table, is_stuck)

    async def _take_apart(self, part: _Part[ItemT, ResultT], error: Exception) -> bool:
        """Halve what cannot be recorded together; one alone goes in our words, else out of the queue. Says whether it is over."""
        half = len(part.results) // 2
        if half:
            self._apart += [_Part(part.results[half:]), _Part(part.results[:half])]
            return False
        ((item, result),) = part.results
        _log.error(
            "queue.unrecordable", table=self._work.table, id=str(item.id), bare=part.is_bare, error=reason(error)
        )
        if not part.is_bare:
            self._apart.append(_Part([(item, self._work.bare(result))], is_bare=True))
            return False
        async with self._database.transaction() as session:
            ended = self._work.ended
            await set_aside(session, self._work.table, id=item.id, owner=self.owner, ended=ended, error=reason(error))
        self._records.count_aside(self._work.table)
        return True

    def _let_go(self, items: Sequence[ItemT]) -> None:
        lines = Counter((item.workspace, item.group) for item in items)
        self._ids.difference_update(item.id for item in items)
        self._held -= lines
        self._by_kind.subtract(item.kind for item in items)
        for (workspace, _), count in lines.items():
            self._memory.leave(workspace, count=count)

    async def _drain(self) -> None:
        self._waiting.clear()
        self._barred.clear()
        for look in self._looks.values():
            look.cancel()
        self._looks.clear()
        for task, item in list(self._tasks.items()):
            if self._work.goes_on_elsewhere(item):
                task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self._work.drain_seconds)
        stopped = list(self._tasks.items())
        for task, _ in stopped:
            task.cancel()
        await asyncio.gather(*(task for task, _ in stopped), return_exceptions=True)
        while self._apart or self._results:
            await self._record()
        self._ids.clear()
        self._twice.clear()
        self._by_kind.clear()
        await self._give_back()

    async def _give_back(self, *, before: datetime | None = None) -> None:
        """Free what is claimed for this process and nobody here can take, the try not counted; with `before`, older claims only.

        At the start that is what a failed run of this loop left behind.
        """
        known = self._ids | self._handed.keys()
        async with self._database.transaction() as session:
            await release_own_claims(session, self._work.table, owner=self.owner, before=before, known=known)
