"""Files of events as jobs: uploaded in parts, read row by row, each row once, and taken back when somebody wants."""
