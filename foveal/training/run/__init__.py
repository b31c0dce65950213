"""A run on the disk: the driver of the loop, its summary and the trackers."""
