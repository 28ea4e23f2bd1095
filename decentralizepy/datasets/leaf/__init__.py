"""Data sets in LEAF's format: JSON files with one record per user."""
