"""Whom an alert is taken to when nobody sees to it: policies of steps."""
