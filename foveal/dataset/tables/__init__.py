"""DATA as a table of paths and labels: CSV, JSON Lines, Parquet, and the files it names."""
