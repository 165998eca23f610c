"""When monitors keep quiet: one that is muted, and maintenance windows. They look on, and open nothing until it is over."""
