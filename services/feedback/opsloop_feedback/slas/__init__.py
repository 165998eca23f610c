"""Service levels: clocks begin with posts, are looked at when their time comes, and shown and counted."""
