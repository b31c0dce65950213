"""One pass over the images: image stats, duplicates and near duplicates, kept in the cache."""
