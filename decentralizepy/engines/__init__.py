"""Engines, which run the nodes of one machine."""
