"""What a network sees: feature maps, attribution maps and convolution step by step."""
