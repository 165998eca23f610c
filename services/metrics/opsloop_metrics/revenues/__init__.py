"""Revenue: what orders brought, whom, and how long; invitations and downloads beside it (docs/insights.md §15)."""
