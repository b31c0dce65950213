"""Runs of the studio: each is a process of its own, and its folder says everything about it."""
