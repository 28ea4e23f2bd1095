"""Monitoring of a run in progress."""
