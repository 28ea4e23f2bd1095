"""Learnable generated data in the formats of data sets that cannot be downloaded."""
