"""Makes durable what clients sent: described, named for ever, each message once, whose it is decided."""
