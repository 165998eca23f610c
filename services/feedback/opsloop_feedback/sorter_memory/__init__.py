"""Sorter memory: where a process keeps what workspaces sort by, so that whoever changes it may say so."""
