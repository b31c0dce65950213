"""Plain PyTorch: a folder that predicts without Foveal, and its parity check."""
