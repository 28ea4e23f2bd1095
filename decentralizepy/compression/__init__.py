"""Codecs that turn indices and values into bytes for transmission."""
