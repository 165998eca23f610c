"""What all insights share: the time they look at, whose events count, and how a filter becomes SQL."""
