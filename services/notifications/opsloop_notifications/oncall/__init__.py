"""Who is on call: schedules of rotations, and overrides."""
