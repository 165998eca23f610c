"""Intake: what users say comes in, is found, and is worked on."""
