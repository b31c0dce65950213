"""The model file: its format and manifest without torch, and Model with torch."""
