"""Each pass over the posts by itself: what is weighed, who joins whom, what becomes one, and that work and memory stay bounded."""

import math
from itertools import chain
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_feedback.clusters import rules
from opsloop_feedback.clusters.finding import find
from opsloop_feedback.clusters.rules import (
    COMMON,
    EXAMPLES,
    FEWEST,
    LABELS,
    LEADS_TO,
    TOPIC_TERMS,
    Clustering,
    Post,
    Topic,
    labels,
    recognized,
    rising,
)

WORDS = ("walrus", "tusk", "narwhal", "horn", "seal", "whisker", "otter", "raft")


def posts_of(*texts):
    return [Post(UUID(int=at), text.split()) for at, text in enumerate(texts)]


def weighed(*texts):
    """Return posts as they stand after the second pass."""
    clustering = Clustering(posts_of(*texts))
    for post in clustering.posts:
        clustering.count(post)
    for post in clustering.posts:
        clustering.weigh(post)
    return clustering


def gathered(*texts):
    """Return posts as they stand after the third pass."""
    clustering = weighed(*texts)
    for index in range(len(texts)):
        clustering.gather(index)
    return clustering


def ids(found):
    return [id.int for id in found.posts]


async def topics(*texts):
    return [ids(one) for one in await find(posts_of(*texts), workspace="w")]


async def test_what_only_one_says_tells_no_topic():
    assert await topics("walrus a", "tusk b", "narwhal c", "horn d") == []


async def test_what_nearly_all_say_tells_no_topic():
    everybody = ["please"] * 40
    texts = [f"{word} own{at}" for at, word in enumerate(everybody)]

    assert COMMON < 1
    assert await topics(*texts) == []


async def test_two_topics_are_told_apart_by_what_is_rare():
    texts = [f"walrus tusk a{at}" for at in range(4)] + [f"narwhal horn b{at}" for at in range(3)]

    assert await topics(*texts) == [[0, 1, 2, 3], [4, 5, 6]]


async def test_the_order_of_what_comes_makes_no_other_topics():
    texts = [f"{one} {other} {one}{at}" for at in range(4) for one, other in zip(WORDS[::2], WORDS[1::2], strict=True)]
    for seed in range(5):
        mixed = Random(seed).sample(texts, len(texts))
        found = {frozenset(mixed[at].split()[0] for at in each) for each in await topics(*mixed)}
        assert found == {frozenset({word}) for word in WORDS[::2]}


async def test_the_same_posts_make_the_same_topics():
    texts = [f"{WORDS[at % 8]} {WORDS[at * 3 % 8]} {WORDS[at * 5 % 8]}" for at in range(60)]
    first = await find(posts_of(*texts), workspace="w")

    assert await find(posts_of(*texts), workspace="w") == first


def test_a_post_weighs_one_whatever_its_length():
    clustering = weighed("walrus tusk", "walrus tusk horn seal otter", "horn seal otter", "x")
    lengths = [math.sqrt(sum(weight**2 for weight in each.values())) for each in clustering._vectors]

    assert lengths == pytest.approx([1, 1, 1, 0])


def test_a_post_that_says_nothing_joins_nothing():
    clustering = gathered("walrus", "tusk", "")

    assert clustering.numbers() == []


def test_leaders_are_joined_and_then_united():
    clustering = gathered("walrus tusk", "walrus tusk", "seal whisker", "seal whisker")
    assert len(clustering.numbers()) == 2

    for number in clustering.numbers():
        clustering.unite(number)
    assert len(clustering.numbers()) == 2  # they have nothing in common

    clustering.unite(10**9)
    assert len(clustering.numbers()) == 2


def test_what_speaks_of_the_same_becomes_part_of_the_larger():
    clustering = weighed("walrus tusk", "walrus tusk", "walrus tusk", "walrus tusk horn", "horn walrus")
    for index, number in enumerate((0, 0, 0, 1, 1)):
        clustering._topics.setdefault(number, Topic())
        clustering._add(number, index)

    clustering.unite(1)

    assert clustering.numbers() == [0]
    assert clustering._topics[0].posts == {0, 1, 2, 3, 4}


def test_settling_lets_single_posts_go_and_begins_with_none():
    clustering = gathered("walrus tusk", "walrus tusk", "horn seal", "otter seal raft", "otter horn raft")
    for number in clustering.numbers():
        clustering.settle(number)

    assert all(not topic.posts for topic in clustering._topics.values())
    for index in range(5):
        clustering.choose(index)
    assert {0, 1} in [topic.posts for topic in clustering._topics.values()]


def test_a_topic_lets_go_of_what_hardly_anybody_says():
    topic = Topic()
    for at in range(50):
        topic.take({"walrus": 1.0} | {f"word{at}-{each}": 0.01 for each in range(10)})

    assert len(topic.weights) <= 2 * TOPIC_TERMS
    assert topic.weights["walrus"] == 50


def test_a_term_leads_to_so_many_topics_at_most():
    clustering = Clustering([])
    for number in range(5 * LEADS_TO):
        clustering._lead("walrus", number)

    assert len(clustering._leads["walrus"]) <= 2 * LEADS_TO
    assert clustering._leads["walrus"][-1] == 5 * LEADS_TO - 1


async def test_examples_and_terms_are_few_and_its_own():
    texts = [f"walrus tusk {WORDS[at % 6 + 2]} own{at}" for at in range(20)] + [f"far{at % 50}" for at in range(200)]
    [one, *_] = [found for found in await find(posts_of(*texts), workspace="w") if found.posts[0].int == 0]

    assert len(one.examples) == EXAMPLES
    assert len(one.terms) <= LABELS
    assert set(one.terms[:2]) == {"walrus", "tusk"}
    assert set(one.examples) <= set(one.posts)


texts_of = st.lists(st.lists(st.sampled_from(WORDS), max_size=4, unique=True).map(" ".join), max_size=40)


@settings(max_examples=50, deadline=None)
@given(texts_of)
def test_no_post_is_in_two_topics_and_none_is_too_small(texts):
    clustering = gathered(*texts)
    for number in clustering.numbers():
        clustering.unite(number)
    for number in clustering.numbers():
        clustering.settle(number)
    for index in range(len(texts)):
        clustering.choose(index)
    found = [one for number in clustering.numbers() if (one := clustering.found(number)) is not None]
    every = list(chain.from_iterable(one.posts for one in found))

    assert len(every) == len(set(every))
    assert all(len(one.posts) >= FEWEST for one in found)
    assert all(texts[id.int] for id in every)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_rising_grows_with_this_week_and_falls_with_those_before(now, before):
    assert rising(now + 1, before) > rising(now, before)
    assert rising(now, before + 400) < rising(now, before)
    assert (rising(now, before) > 0) == (now > before / 4)


def test_a_label_repeats_nothing_and_is_never_empty_of_words():
    ways = {"=log in": {"log in": 1, "登录": 2}, "=sign in": {"登录": 1, "log": 4}, "=x": {}}

    assert labels(["=log in", "=sign in", "=x"], ways) == ["登录", "log in", "x"]
    assert labels([], {}) == []
    assert len(labels([f"={at}a{at}" for at in range(100)], {})) <= 2 * LABELS


def test_nothing_known_is_recognized_as_nothing():
    assert recognized({}, []) == []
    assert rules.recognized({UUID(int=1): UUID(int=2)}, []) == []
