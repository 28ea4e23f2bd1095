"""Epidemic Learning: each node sends to random peers (de Vos et al., NeurIPS 2023)."""
