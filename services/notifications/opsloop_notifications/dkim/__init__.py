"""DKIM: mails are signed for the domain that they are from (RFC 6376, 8463)."""
