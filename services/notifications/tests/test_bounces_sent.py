"""A mail goes out with its signed return path, and a server's report about it is known again."""

import email
import email.policy

import pytest

from opsloop_common.settings import BadSettings
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.conftest import Post
from services.notifications.tests.test_bounces import Box
from services.notifications.tests.test_bounces_reading import dsn


async def sent(api, script, work, until, **given):
    """Mail one person; returns the mailbox, the sender on the envelope, and the mail."""
    settings = settings_for_tests(
        NotificationsSettings, smtp_url=script.url, mail_from="Ops <ops@product.test>", **given
    )
    service = await api(SERVICE, settings)
    box = Box(Post(service, await service.key()))
    async with work(service, dispatch_mails):
        await box.mailed()
        await until(lambda: script.taken, "taken")
    [(_, content)] = script.taken
    [line] = [line for line in script.lines if line.upper().startswith("MAIL FROM")]
    return box, line.partition("<")[2].partition(">")[0], email.message_from_bytes(content, policy=email.policy.default)


async def test_what_comes_back_to_the_mailbox_is_about_that_mail(api, script, work, until):
    box, sender, mail = await sent(api, script, work, until, mail_return="bounces@mail.product.test")
    assert sender.startswith("bounces+")
    assert sender.endswith("@mail.product.test")
    assert mail["From"] == "Ops <ops@product.test>"

    by_envelope = await box.report(dsn(to=sender, returned="", returned_type="text/plain"))
    by_head = await box.report(dsn(returned=f"Message-ID: {mail['Message-ID']}\n", returned_type="text/rfc822-headers"))

    assert (by_envelope["outcome"], by_head["outcome"]) == ("recorded", "repeated")
    assert by_envelope["notification_id"] == by_head["notification_id"]


async def test_without_a_mailbox_the_sender_gets_it(api, script, work, until):
    box, sender, mail = await sent(api, script, work, until)

    assert sender == "ops@product.test"
    assert (await box.report(dsn(returned=f"Message-ID: {mail['Message-ID']}\n")))["outcome"] == "recorded"


@pytest.mark.parametrize(
    "value",
    ["bounces", "Name <bounces@example.test>", f"{'b' * 25}@example.test", "用户@example.test", "a b@example.test"],
)
def test_a_mailbox_that_could_take_no_sub_address_is_refused(value):
    with pytest.raises(BadSettings, match="OPSLOOP_MAIL_RETURN"):
        settings_for_tests(NotificationsSettings, mail_return=value)
