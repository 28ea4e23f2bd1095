"""Epidemic Learning: each node sends to random others (de Vos et al., NeurIPS 2023)."""
