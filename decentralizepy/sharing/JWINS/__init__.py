"""Sharing in the basis of a transform; JWINS."""
