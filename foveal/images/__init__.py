"""From a file or bytes to uint8 pixels: the only room where images are read."""
