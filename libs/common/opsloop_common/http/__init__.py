"""The HTTP shell: one way for every service to take a request, hold its transaction and answer."""
