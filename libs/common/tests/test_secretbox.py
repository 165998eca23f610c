"""What is sealed or digested with one secret for one purpose is nothing for another."""

import pytest

from opsloop_common.secretbox import SecretBox, Unsealable

BOX = SecretBox("a secret of tests, at least 32 characters")


def test_what_is_sealed_is_opened_for_its_purpose_alone():
    token = BOX.seal(b"plain", purpose="cursor")

    assert BOX.open(token, purpose="cursor") == b"plain"
    for box, purpose in ((BOX, "other"), (SecretBox("another secret of tests"), "cursor")):
        with pytest.raises(Unsealable):
            box.open(token, purpose=purpose)


def test_a_digest_is_the_same_again_for_its_purpose_and_secret_alone():
    digest = BOX.digest(b"u1", purpose="erased")

    assert len(digest) == 32
    assert digest == SecretBox("a secret of tests, at least 32 characters").digest(b"u1", purpose="erased")
    others = [
        BOX.digest(b"u2", purpose="erased"),
        BOX.digest(b"u1", purpose="other"),
        SecretBox("x").digest(b"u1", purpose="erased"),
    ]
    assert len({digest, *others}) == 4


OLD, OLDER = "an old secret of tests, 32 characters at least", "an older secret of tests, 32 characters at least"
ROTATED = SecretBox("a secret of tests, at least 32 characters", previous=[OLD, OLDER])


def test_earlier_keys_open_what_they_sealed_and_seal_nothing():
    for key in (OLD, OLDER):
        token = SecretBox(key).seal(b"plain", purpose="cursor")

        assert ROTATED.open(token, purpose="cursor") == b"plain"
        for box, purpose in (
            (BOX, "cursor"),
            (ROTATED, "other"),
            (SecretBox("another", previous=["and another"]), "cursor"),
        ):
            with pytest.raises(Unsealable):
                box.open(token, purpose=purpose)
    assert BOX.open(ROTATED.seal(b"plain", purpose="cursor"), purpose="cursor") == b"plain"


def test_what_is_sealed_anew_is_of_the_present_key_and_what_is_already_stays():
    token = ROTATED.resealed(SecretBox(OLDER).seal(b"plain", purpose="cursor"), purpose="cursor")

    assert BOX.open(token, purpose="cursor") == b"plain"
    assert ROTATED.resealed(token, purpose="cursor") is None
    for foreign in (
        "",
        "x",
        "é",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        SecretBox("x").seal(b"", purpose="cursor"),
    ):
        with pytest.raises(Unsealable):
            ROTATED.resealed(foreign, purpose="cursor")


def test_what_was_digested_by_an_earlier_key_is_found_by_its_box():
    digests = [box.digest(b"u1", purpose="erased") for box in ROTATED.with_each_key]

    assert digests == [box.digest(b"u1", purpose="erased") for box in (BOX, SecretBox(OLD), SecretBox(OLDER))]
    assert ROTATED.digest(b"u1", purpose="erased") == digests[0]


def test_a_key_that_is_named_twice_is_one_key_more_to_try_and_no_fault():
    same = SecretBox(OLD, previous=[OLD])
    token = same.seal(b"plain", purpose="cursor")

    assert same.resealed(token, purpose="cursor") is None
    assert same.open(token, purpose="cursor") == b"plain"
