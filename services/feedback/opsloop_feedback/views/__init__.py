"""Views: filters and an order that are kept under a name, for oneself or for all."""
