"""Predictor over a native or an exported file; no torch unless the file is native."""
