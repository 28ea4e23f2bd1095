"""One machine's part of an experiment: what is to be run, and whether it can be."""
