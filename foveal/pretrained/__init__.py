"""Weights learned elsewhere, as ordinary model files: what is known, reading, mapping, checks."""
