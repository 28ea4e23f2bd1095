"""One machine's part of an experiment, and the checks before it starts."""
