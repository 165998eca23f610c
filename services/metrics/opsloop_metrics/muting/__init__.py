"""What it means that a monitor keeps quiet, for those who keep it so and those who ask (the port `Muting`)."""
