"""What the service's own tests have: a service by a clock that the test turns, an endpoint, a workspace that sends mails."""

from services.notifications.tests.conftest import acme, fifo, hook, post, script, service, until, work

__all__ = ["acme", "fifo", "hook", "post", "script", "service", "until", "work"]
