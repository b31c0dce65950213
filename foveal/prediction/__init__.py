"""Predictor for native and exported files; torch is imported for native files only."""
