"""Policies of service levels: within how much working time which posts are answered and resolved."""
