"""What the service's own tests have: a desk by a clock that the test turns, and desks with files and mail."""

from services.feedback.tests.conftest import china, clockwork, desk
from services.feedback.tests.test_mail_in import desk_by_mail

__all__ = ["china", "clockwork", "desk", "desk_by_mail"]
