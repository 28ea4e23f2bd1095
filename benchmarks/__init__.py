"""Benchmarks; a package of its own, since libraries (Opacus) install one of this name."""
