"""What goes beyond one process: predictions in chunks, and the engines that share the work."""
