"""The way of an event to the endpoints that want it: planned, called, tried again."""
