"""Federated learning with sparse ternary compression both ways."""
