"""`opsloop demo`: a week of a small app, played through the public APIs and told as it happened."""

from opsloop.demo.play import play

__all__ = ["play"]
