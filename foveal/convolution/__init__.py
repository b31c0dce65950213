"""Convolution step by step in plain numpy; networks use torch's."""
