"""Measurements, each beside a baseline of the same run. `make bench`; `make bench ARGS="--only intake"` for one of them."""
