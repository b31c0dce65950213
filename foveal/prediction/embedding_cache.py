"""The cache of embeddings: one entry a model, in it one vector for each content of an image file.

An entry holds parts, each written once: `NAME.vectors.npy`, float32 (N, D), memory-mapped when
read, and `NAME.index.npy`, the content hash and checksum of each row. Listings say which content
hashes a data set has, so that its files need not be read again while none has changed.
"""

from __future__ import annotations

import contextlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from foveal import cache
from foveal.errors import Error
from foveal.files import write_atomic

if TYPE_CHECKING:
    from foveal.model.model import Model

EMBEDDINGS_FORMAT = 2
"""Part of the key: raise it when features, decoding or the layout change."""
MAX_PARTS = 64
"""Beyond so many, the parts of an entry are joined into one."""
NPY_ERRORS = (OSError, ValueError, EOFError, MemoryError, SyntaxError, TokenError, RecursionError)
"""What numpy raises for a .npy file that is none: its header is Python, and may claim any shape."""
_INDEX = np.dtype([("content_hash", "<u8"), ("checksum", "<u4")])


@dataclass(frozen=True)
class EmbeddingCache:
    """The vectors of one model; size: values of a vector.

    places: content hash to the part's vectors, the row in them, and its checksum.
    """

    folder: Path
    size: int
    places: dict[int, tuple[NDArray[np.float32], int, int]] = field(default_factory=dict)

    def get(self, content_hash: int) -> NDArray[np.float32] | None:
        """The vector (D,); None where there is none or it is damaged."""
        if content_hash not in self.places:
            return None
        vectors, row, checksum = self.places[content_hash]
        vector = np.array(vectors[row])
        return vector if zlib.crc32(vector.tobytes()) == checksum else None


def open_cache(model: Model, size: int) -> EmbeddingCache:
    """The cached vectors of `model`, found by its weights themselves and its network.

    The weights of the output layer, to which embeddings go, do not count: a model whose output
    layer was fitted again has the same.
    """
    digest = blake2b(digest_size=16)
    for name, value in model.module.state_dict().items():
        if not name.startswith("output."):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    # another version of Pillow may decode other values
    key = [EMBEDDINGS_FORMAT, PIL.__version__, model.manifest.network.to_data()]
    digest.update(json.dumps(key, sort_keys=True).encode())
    return open_vectors(digest.hexdigest(), size)


def open_vectors(name: str, size: int) -> EmbeddingCache:
    """The cached vectors of what `name`, a digest, stands for."""
    opened = _read_entry(cache.entry_folder("embeddings", name), size)
    if opened.places:
        cache.touch(opened.folder)
    return opened


def _read_entry(folder: Path, size: int) -> EmbeddingCache:
    opened = EmbeddingCache(folder, size)
    for index, vectors in _read_parts(folder, size):
        for row, (content_hash, checksum) in enumerate(index.tolist()):
            opened.places[content_hash] = vectors, row, checksum
    return opened


def save_vectors(opened: EmbeddingCache, vectors: Mapping[int, NDArray[np.float32]]) -> None:
    """Add vectors (D,) by content hash; where they cannot be written they are computed again."""
    if not vectors:
        return
    with contextlib.suppress(OSError, Error):
        parts = len(list(opened.folder.glob("*.index.npy")))
        _write_part(opened.folder, vectors)
        cache.write_about(opened.folder, f"embeddings of images, {opened.size} values each")
        if parts >= MAX_PARTS:
            _join_parts(opened.folder, opened.size)


def load_listing(folder: Path, fingerprint: str) -> tuple[list[int | None], list[str]] | None:
    """Content hash (None: unusable) and reason of each row of a data set; None where unknown."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        file = cache.require_file(folder / f"{fingerprint}.json")
        listing = json.loads(file.read_text("utf-8"))
        hashes = [None if text is None else int(text, 16) for text in listing["content_hashes"]]
        reasons = [str(reason) for reason in listing["reasons"]]
        return (hashes, reasons) if len(hashes) == len(reasons) else None
    return None


def save_listing(
    folder: Path, fingerprint: str, hashes: list[int | None], reasons: list[str]
) -> None:
    """Remember the content hashes of a data set's rows, and why a row has none."""
    texts = [None if value is None else f"{value:016x}" for value in hashes]
    with contextlib.suppress(OSError, Error):
        content = json.dumps({"content_hashes": texts, "reasons": reasons})
        write_atomic(folder / f"{fingerprint}.json", content)


def _write_part(folder: Path, vectors: Mapping[int, NDArray[np.float32]]) -> str:
    index = np.empty(len(vectors), _INDEX)
    index["content_hash"] = list(vectors)
    index["checksum"] = [zlib.crc32(vector.tobytes()) for vector in vectors.values()]
    name = blake2b(index.tobytes(), digest_size=8).hexdigest()
    size = sum(vector.nbytes for vector in vectors.values())
    cache.evict(size, frozenset({folder.name}))
    write_atomic(folder / f"{name}.vectors.npy", partial(_write_rows, list(vectors.values())))
    write_atomic(folder / f"{name}.index.npy", npy_bytes(index))  # this makes it a part
    return name


def _write_rows(rows: Sequence[NDArray[np.float32]], path: Path) -> None:
    """A .npy file (N, D) of vectors (D,), of which one is in memory where they are mapped."""
    shape = len(rows), len(rows[0])
    with path.open("wb") as file:
        npy_format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": shape}
        )
        file.writelines(row.astype("<f4").tobytes() for row in rows)


def npy_bytes(array: NDArray[Any]) -> bytes:
    """The content of a .npy file."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _read_parts(folder: Path, size: int) -> Iterator[tuple[NDArray[Any], NDArray[np.float32]]]:
    """Index and vectors of every part that is whole."""
    for path in sorted(folder.glob("*.index.npy")):
        with contextlib.suppress(*NPY_ERRORS):
            index = np.load(cache.require_file(path), allow_pickle=False)
            file = cache.require_file(_vectors_path(path))
            vectors = np.load(file, mmap_mode="r", allow_pickle=False)
            is_index = (index.dtype, index.ndim) == (_INDEX, 1)
            if is_index and (vectors.dtype, vectors.shape) == (np.float32, (len(index), size)):
                yield index, vectors


def _vectors_path(index: Path) -> Path:
    return index.with_name(index.name.replace(".index.", ".vectors."))


def _join_parts(folder: Path, size: int) -> None:
    """Write what is whole of all parts as one and remove them.

    A part that goes meanwhile, and a damaged vector, are computed again.
    """
    old = sorted(folder.glob("*.index.npy"))
    entry = _read_entry(folder, size)
    whole = {
        content_hash: vectors[row]
        for content_hash, (vectors, row, _) in entry.places.items()
        if entry.get(content_hash) is not None
    }
    new = _write_part(folder, whole) if whole else None
    for path in old:
        if path.name != f"{new}.index.npy":
            path.unlink(missing_ok=True)
            _vectors_path(path).unlink(missing_ok=True)
