"""DATA as folders: which of them are splits, which classes, and which neither."""
