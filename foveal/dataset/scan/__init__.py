"""Statistics, duplicates and near duplicates of all images of a data set, cached."""
