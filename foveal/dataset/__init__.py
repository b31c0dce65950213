"""Data sets of labelled images: sources, splits, statistics, scan and pixel cache."""
