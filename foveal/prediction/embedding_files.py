"""Files of embeddings: Parquet, NumPy with a table of paths beside it, or a table of clusters."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.dataset.tables.cells import csv_text
from foveal.errors import MissingExtra, UsageError
from foveal.files import write_atomic
from foveal.prediction.embedding_cache import npy_bytes
from foveal.text import is_address, printable

if TYPE_CHECKING:
    from foveal.prediction.embeddings import Embeddings


def paths_file(out: Path) -> Path:
    """The table of paths beside a .npy file: vectors.npy has vectors.paths.csv."""
    return out.with_suffix(".paths.csv")


def check_embeddings_file(out: Path, *, clusters: bool) -> None:
    """Raise UsageError for a name that cannot be written so, MissingExtra without pyarrow."""
    suffix = out.suffix.lower()
    if suffix not in (".npy", ".parquet", ".csv") or (suffix == ".csv" and not clusters):
        also = ", or .csv for the clusters alone" if clusters else ""
        raise UsageError(f"--out is {out}; give a name that ends in .parquet or .npy{also}")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; give the name of a file")
    if suffix == ".csv" and out.exists():
        raise UsageError(
            f"--out {out} exists, and its labels may have been edited since; give another name"
        )
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtra(f"writing {out}", "table")


def write_embeddings(out: Path, embeddings: Embeddings) -> None:
    """Write them by the suffix of `out`; see docs/embed.md for the columns.

    Raises Error where they cannot be written; a table of paths is there only beside its vectors.
    """
    suffix = out.suffix.lower()
    if suffix == ".npy":
        with contextlib.suppress(OSError):  # then nothing can be written there either
            paths_file(out).unlink()
        write_atomic(out, npy_bytes(embeddings.vectors))
        write_atomic(paths_file(out), csv_text(_path_rows(embeddings)))
    elif suffix == ".parquet":
        write_atomic(out, lambda path: _write_parquet(path, embeddings))
    else:
        write_atomic(out, csv_text(_label_rows(out, embeddings)))


def _path_rows(embeddings: Embeddings) -> Iterator[list[Any]]:
    """row, path, cluster, error: first the rows of the vectors, then what cannot be read."""
    yield ["row", "path", *(["cluster"] if embeddings.clusters else []), "error"]
    names = embeddings.cluster_names()
    for row, path in enumerate(embeddings.paths):
        yield [row, _name(path), *names[row : row + 1], ""]
    for path, error in embeddings.unusable:
        yield ["", _name(path), *([""] if embeddings.clusters else []), error]


def _label_rows(out: Path, embeddings: Embeddings) -> Iterator[list[Any]]:
    """A table that is DATA: path (relative to the table), label, distance to the centre.

    Raises UsageError where images have no file of their own.
    """
    assert embeddings.clusters is not None
    _refuse_packed(embeddings.paths)
    yield ["path", "label", "distance"]
    distances = embeddings.clusters.distances.tolist()
    for path, name, distance in zip(
        embeddings.paths, embeddings.cluster_names(), distances, strict=True
    ):
        yield [_name(_relative(path, out.parent)), name, f"{distance:.6f}"]


def _refuse_packed(paths: Sequence[str | None]) -> None:
    """Raise UsageError where one of the images lies inside an archive or a shard."""
    files = [Path(path) for path in paths if path is not None and not is_address(path)]
    folders = {file.parent: file for file in files}
    for folder, file in folders.items():
        if any(each.is_file() for each in (folder, *folder.parents)):
            raise UsageError(
                f"{printable(str(file))} lies inside a file, and a .csv names images that are "
                "files: unpack them first, or give --out a name that ends in .parquet"
            )


def _relative(path: str | None, folder: Path) -> str | None:
    if path is None or is_address(path) or os.path.isabs(path):  # noqa: PTH117
        return path
    return Path(os.path.relpath(path, folder)).as_posix()


def _name(path: str | None) -> str:
    return printable(path or "")


def _write_parquet(out: Path, embeddings: Embeddings) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    count, size = embeddings.vectors.shape
    missing = len(embeddings.unusable)
    values = np.concatenate([embeddings.vectors.ravel(), np.zeros(missing * size, np.float32)])
    mask = pa.array([False] * count + [True] * missing)
    paths = [*embeddings.paths, *(path for path, _ in embeddings.unusable)]
    columns = {
        "path": pa.array([_name(path) for path in paths], pa.string()),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(values), size, mask=mask),
        "error": pa.array(
            [None] * count + [error for _, error in embeddings.unusable], pa.string()
        ),
    }
    if embeddings.clusters is not None:
        names = [*embeddings.cluster_names(), *[None] * missing]
        distances = [*embeddings.clusters.distances.tolist(), *[None] * missing]
        columns |= {
            "cluster": pa.array(names, pa.string()),
            "distance": pa.array(distances, pa.float32()),
        }
    pq.write_table(pa.table(columns), out)
