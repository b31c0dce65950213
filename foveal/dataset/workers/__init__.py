"""Worker threads and processes that scan and decode image files in chunks."""
