"""Every reader of the package: a valid example of what it reads, and a call that reads it whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cache_readers import read_cached, write_cached
from data_readers import (
    read_data,
    write_csv,
    write_folder,
    write_foreign_shard,
    write_jsonl,
    write_metadata,
    write_parquet,
    write_parquet_table,
    write_shards,
    write_table_zip,
    write_tar,
    write_tsv,
    write_zip,
)
from http_readers import (
    read_server_request,
    read_studio_request,
    write_server_requests,
    write_studio_requests,
)
from image_readers import read_image, write_images
from model_readers import (
    read_model,
    read_weights_file,
    use_model,
    write_foreign,
    write_litert,
    write_model,
    write_onnx,
    write_page,
    write_torch,
)
from run_readers import (
    read_run,
    read_study,
    read_workspace,
    write_run,
    write_study,
    write_workspace,
)
from text_readers import (
    read_labels_file,
    read_network,
    read_recipe,
    read_search_space,
    write_labels,
    write_recipe,
    write_space,
    write_yaml,
)


@dataclass(frozen=True)
class Reader:
    """write: a valid example into an empty folder.  read: the file or folder `main` in it.

    kinds: how files are mutated (see `formats.SEALED` and `mutate`), by the end of their name.
    fixed: files that are not mutated.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], None]
    main: str = ""
    kinds: dict[str, str] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()


IMAGE_KINDS = {".png": "png"}
STUDIO_KINDS = {
    "journal.jsonl": "journal",
    "model.safetensors": "model",
    ".safetensors": "checkpoint",
    ".sqlite": "bytes",
}

NO_REQUESTS = (".json", ".jsonl", ".png", ".safetensors", ".sqlite", ".yaml", ".log", ".html")
NO_REQUESTS += (".lock", ".csv", ".onnx")

READERS = (
    Reader("images", write_images, read_image, "*", IMAGE_KINDS),
    Reader("model", write_model, read_model, "model.safetensors", {".safetensors": "model"}),
    Reader("onnx", write_onnx, use_model, "model.onnx", {".onnx": "onnx"}),
    Reader("page", write_page, use_model, "model.html", {".html": "page"}),
    Reader("litert", write_litert, use_model, "model.tflite", {".tflite": "litert"}),
    Reader("torch", write_torch, read_weights_file, "weights.pth", {".pth": "torch"}),
    Reader("weights", write_foreign, read_weights_file, "weights.safetensors"),
    Reader("zip", write_zip, read_data, "data.zip"),
    Reader("table-zip", write_table_zip, read_data, "data.zip"),
    Reader("tar", write_tar, read_data, "data.tar"),
    Reader("shard", write_foreign_shard, read_data, ""),
    Reader("shards", write_shards, read_data, ""),
    Reader("folder", write_folder, read_data, ""),
    Reader("csv", write_csv, read_data, "labels.csv", fixed=(".png",)),
    Reader("tsv", write_tsv, read_data, "labels.tsv", fixed=(".png",)),
    Reader("jsonl", write_jsonl, read_data, "labels.jsonl", fixed=(".png",)),
    Reader("metadata", write_metadata, read_data, "", fixed=(".png",)),
    Reader("parquet", write_parquet, read_data, ""),
    Reader("parquet-table", write_parquet_table, read_data, "labels.parquet", fixed=(".png",)),
    Reader("network", write_yaml, read_network, "network.yaml"),
    Reader("recipe", write_recipe, read_recipe, "recipe.yaml"),
    Reader("space", write_space, read_search_space, "space.yaml"),
    Reader("labels", write_labels, read_labels_file, "labels.txt"),
    Reader(
        "run", write_run, read_run, "run", {".safetensors": "checkpoint"}, fixed=(".png", ".lock")
    ),
    Reader("study", write_study, read_study, "", {".safetensors": "bytes"}),
    Reader("workspace", write_workspace, read_workspace, "", STUDIO_KINDS),
    Reader("caches", write_cached, read_cached, "damage", fixed=("g", ".db")),
    Reader("server", write_server_requests, read_server_request, "*", {".http": "request"}),
    Reader(
        "studio", write_studio_requests, read_studio_request, "*", {".http": "request"}, NO_REQUESTS
    ),
)
