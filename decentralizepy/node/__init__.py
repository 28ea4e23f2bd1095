"""Nodes: the learning algorithms, parameter servers and peer samplers."""
