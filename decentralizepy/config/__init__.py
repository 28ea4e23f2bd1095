"""Reads INI files and flags into sections of typed, checked values."""
