"""Approvals: four eyes on what is said to people, and on playbooks that say it by themselves."""
