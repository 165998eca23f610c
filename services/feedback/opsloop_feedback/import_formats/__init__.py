"""What exports of other products say, in the words of ours: rules only."""
