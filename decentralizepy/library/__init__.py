"""The functions of ``import decentralizepy``: run, load and sweep."""
