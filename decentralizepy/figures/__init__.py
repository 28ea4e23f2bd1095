"""Figures of finished runs: one file per figure, in a common style."""
