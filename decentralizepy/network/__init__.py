"""Emulated networks: a description of links, and the virtual time that messages take."""
