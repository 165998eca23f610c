"""Rates hold for each credential, for a workspace's together, and for everybody; no crowd of names flushes anybody's bucket."""

import pytest

from opsloop_common.access.buckets import Buckets
from opsloop_common.access.principal import Kind, Principal
from opsloop_common.errors import TooManyRequests
from opsloop_common.http.ratelimit import RateLimiter


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def who(name, workspace="acme", kind=Kind.KEY):
    return Principal(workspace, f"key:{name}", frozenset(), f"key:{name}", "test", kind)


def admitted(limiter, principals):
    count = 0
    for principal in principals:
        try:
            limiter.take(principal)
        except TooManyRequests:
            continue
        count += 1
    return count


def test_a_hundred_keys_of_one_workspace_take_no_more_than_two():
    limiter = RateLimiter(10, 50, monotonic=Clock())

    assert admitted(limiter, [who("one")] * 100) == 50
    assert admitted(limiter, [who(f"key-{number % 100}") for number in range(1_000)]) == 50, "100 in the workspace"
    assert admitted(limiter, [who("theirs", "other")] * 100) == 50
    limiter.take(who("third", "third"))


def test_all_workspaces_together_take_no_more_than_the_process_gives():
    limiter = RateLimiter(10, 50, process_per_second=20, monotonic=Clock())

    assert admitted(limiter, [who(f"key-{number}", f"workspace-{number}") for number in range(1_000)]) == 100


def test_the_answer_tells_the_tightest_bucket():
    clock = Clock()
    limiter = RateLimiter(10, 50, workspace_per_second=12, monotonic=clock)
    for _ in range(40):
        limiter.take(who("one"))

    rate = limiter.take(who("two"))
    assert rate.limit == '"workspace";r=19;t=4'
    assert rate.policy == '"default";q=50;w=5, "workspace";q=60;w=5, "process";q=250;w=5'
    assert limiter.take(who("one")).limit == '"default";r=9;t=5'
    admitted(limiter, [who("two")] * 100)
    with pytest.raises(TooManyRequests) as refused:
        limiter.take(who("two"))
    assert refused.value.headers["RateLimit"] == '"workspace";r=0;t=1'
    clock.now += 0.1
    limiter.take(who("two"))


def test_a_refused_request_takes_from_nobody():
    limiter = RateLimiter(10, 50, monotonic=Clock())

    admitted(limiter, [who("one")] * 10_000)

    assert admitted(limiter, [who("two")] * 100) == 50


@pytest.mark.parametrize(("kind", "burst"), [(Kind.PUBLISHABLE, 1_000), (Kind.USER, 50), (Kind.PERSON, 5_000)])
def test_what_browsers_hold_has_less(kind, burst):
    limiter = RateLimiter(1_000, 5_000, monotonic=Clock())

    assert admitted(limiter, [who("one", kind=kind)] * 6_000) == burst
    assert admitted(limiter, [who("secret")] * 6_000) == 5_000


def test_a_crowd_of_names_flushes_nobodys_bucket():
    clock = Clock()
    limiter = RateLimiter(1, 50, workspace_per_second=1_000, process_per_second=1_000, monotonic=clock)
    admitted(limiter, [who("greedy")] * 100)

    for number in range(40_000):  # as fast as the process lets them
        clock.now += 0.001
        admitted(limiter, [who(f"crowd-{number}")])

    assert admitted(limiter, [who("greedy")] * 100) in (39, 40), "one a second, as if it had been alone"


def test_so_many_buckets_at_most():
    buckets = Buckets(1, 5, kept=3)

    for number in range(100):
        buckets.take(f"name-{number}", buckets.left(f"name-{number}", 0.0), 0.0)

    assert [buckets.left(f"name-{number}", 0.0) for number in (96, 97, 98, 99)] == [5, 4, 4, 4]


def test_strangers_take_nothing_from_those_who_operate_the_product():
    limiter = RateLimiter(10, 50, monotonic=Clock())

    pages = [who(f"{number}", kind=Kind.VISITOR) for number in range(1_000)]
    browsers = [who(f"{number}", kind=kind) for number in range(1_000) for kind in (Kind.PUBLISHABLE, Kind.USER)]

    assert admitted(limiter, pages + browsers) == 100, "of one workspace"
    assert admitted(limiter, [who("secret")] * 100) == 50
    for number in range(1_000):
        admitted(limiter, [who("anybody", f"made-up-{number}", Kind.VISITOR)])
    assert admitted(limiter, [who("second")] * 100) == 50
