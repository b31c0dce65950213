"""Decode and resize image files to uint8 pixels; no other package reads image files."""
