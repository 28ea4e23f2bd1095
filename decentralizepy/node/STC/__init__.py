"""Federated learning with sparse ternary compression in both directions."""
