"""Playbooks: on an event, when conditions hold, launch a campaign from a template."""
