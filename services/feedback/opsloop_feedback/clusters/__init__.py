"""Clusters: topics that several people speak of, which keep their ids from week to week."""
