"""Learning: how a workspace's corrections teach triage, and when what was learnt is believed."""
