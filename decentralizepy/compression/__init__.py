"""Codecs for what travels: indices and values, each as bytes."""
