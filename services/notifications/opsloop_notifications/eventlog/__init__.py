"""The event log: all events of a workspace in one order, for polling and for delivery."""
