"""Previews: what a changed rule would move, before it is one."""
