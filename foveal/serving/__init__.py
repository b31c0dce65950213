"""The HTTP server over a Predictor."""
