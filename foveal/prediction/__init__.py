"""From any picture to its answer, by one Predictor over native and exported files."""
