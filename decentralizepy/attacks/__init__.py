"""Attacks: what Byzantine nodes send instead of their models."""
