"""Whom a definition means: its conditions as a tree, and who fulfils them, a bucket of people at a time."""
