"""DATA as one .zip or .tar, read in place: its members, their names and links."""
