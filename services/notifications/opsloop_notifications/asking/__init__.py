"""Endpoints are asked for their consent before they are called."""
