"""JWINS, and other sharing algorithms in a transform domain."""
