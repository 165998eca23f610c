"""What the services say to each other: the envelope, and one module of event classes per producing service."""
