"""From a model file to an exported file that agrees with it."""
