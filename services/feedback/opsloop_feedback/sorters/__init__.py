"""Sorters: what each workspace sorts by, in the memory of the process."""
