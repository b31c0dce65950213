"""From images in a memory map to a trained module: batches, augmentation, optimisation, runs.

Knows nothing of evaluation on test, reports, export or serving.
"""
