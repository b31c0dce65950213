"""Long work: in processes of its own, with progress and an end at any time."""
