"""Jobs that say from time to time that they live, and the alert when one does not."""
