"""Callbacks that the launcher calls during a run, and those for well-known trackers."""
