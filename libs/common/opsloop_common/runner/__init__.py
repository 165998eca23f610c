"""Run a service: build its runtime from the environment, serve its API, do its background work, in one process or many."""
