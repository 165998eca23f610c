"""Segments: groups of people, described by what they did and are, or listed; kept up to date, bucket by bucket."""
