"""Labelled images: listing, sources, split, checks, facts and the decode-once store."""
