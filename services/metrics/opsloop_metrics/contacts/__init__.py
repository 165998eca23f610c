"""How people are reached, as the customer's servers say it in traits: handed on to whoever sends."""
