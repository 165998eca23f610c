"""`python -m opsloop_notifications.dns_records`: print what the domain's DNS has to say of the keys, as lines of a zone file."""

from __future__ import annotations

import sys

from opsloop_common.settings import BadSettings, Unusable
from opsloop_notifications.dkim.service import open_signer
from opsloop_notifications.settings import NotificationsSettings


def main() -> int:
    """Print the records; exit status 1 says on stderr what is wrong with a key, 2 with a setting."""
    try:
        settings = NotificationsSettings()
        if not settings.dkim_keys:
            sys.stderr.write("OPSLOOP_DKIM_KEYS is not set: selector=/path/of/key.pem\n")
            return 2
        records = open_signer(settings.dkim_signs_for, settings.named_dkim_keys).records()
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
