"""The model file, and the Model that is loaded from it."""
