"""Content: what a campaign says, and the placeholders a playbook fills in."""
