"""Reminders: the model of a slice, with one of everything that a slice is made of."""
