"""Service levels: clocks are looked at when their time comes, shown, and counted."""
