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
