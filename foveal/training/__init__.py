"""From images in a memory map to a trained module: batches, augmentation, optimisation, runs."""
