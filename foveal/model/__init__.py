"""The model file, the waist of Foveal: its format without torch, and the Model value with torch."""
