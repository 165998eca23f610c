"""Mail polling: what came to mailboxes of IMAP servers is fetched every minute, each mail once."""
