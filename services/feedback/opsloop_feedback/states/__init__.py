"""States: how far we are with a feedback."""
