"""DATA as shards: many images in each of many .tar or Parquet files, local or at addresses."""
