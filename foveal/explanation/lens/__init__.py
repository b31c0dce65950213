"""The data of the lens page: which feature maps are shown and how they are packed."""
