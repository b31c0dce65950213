"""What a network sees: feature maps, attribution maps, top activations, the lens page."""
