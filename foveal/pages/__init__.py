"""The built single-file HTML pages and how data is put into them."""
