"""Labelled images: dataset, sources, split, checks, facts and the decode-once store."""
