"""The files of an exported folder that are the same for every model but for a few values."""
