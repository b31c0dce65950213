"""From batches and a recipe to a trained module, as a generator of records."""
