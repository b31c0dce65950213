"""One HTML file that recognises images offline, and its check in a real browser."""
