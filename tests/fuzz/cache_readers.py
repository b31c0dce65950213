"""Caches on the disk: where a file of one is damaged, what is answered stays the same."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from data_readers import write_folder
from formats import mutate_npy
from mutate import mutate_bytes, mutate_json
from samples import file_bytes

WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": mutate_json,
    ".npy": mutate_npy,
}


class AnotherAnswer(Exception):
    """What was damaged was used as it stood."""


def write_cached(folder: Path) -> None:
    write_folder(folder / "data")
    (folder / "damage").write_bytes(bytes(range(64)))


def read_cached(path: Path) -> None:
    """Answers with an empty cache and with one of which `path`, as a seed, damages a file."""
    rng = random.Random(file_bytes(path))
    cache = path.parent.parent / "out" / "cache"
    os.environ["FOVEAL_CACHE"] = str(cache)
    expected = _answers(path.parent / "data", cache)
    victim = rng.choice(sorted(file for file in cache.rglob("*") if file.is_file()))
    victim.write_bytes(WAYS.get(victim.suffix, mutate_bytes)(victim.read_bytes(), rng))
    for name, answer in _answers(path.parent / "data", cache).items():
        if answer != expected[name]:
            raise AnotherAnswer(f"{name}, as {victim.relative_to(cache)} was damaged")


def _answers(data: Path, cache: Path) -> dict[str, Any]:
    """What is read from each cache, made where it is missing."""
    from foveal.dataset.open import open_dataset
    from foveal.dataset.pixel_cache import build_pixel_cache
    from foveal.dataset.scan.scan import scan_images
    from foveal.spec.preprocess import Input, Preprocess

    dataset = open_dataset(data)
    rows = range(len(dataset))
    pixels = build_pixel_cache(dataset, rows, Input(height=8, width=9), Preprocess())
    scan = scan_images(dataset, rows)
    return {
        "pixels": (pixels.pixels.tobytes(), pixels.rows.tolist(), pixels.pixel_hashes.tolist()),
        "scan": (scan.content_hashes.tolist(), scan.sizes.tolist(), scan.thumbnails.tobytes()),
        "embeddings": _vectors(),
        "activations": _activations(cache),
        "thumbnail": _thumbnail(data / dataset.paths[0], cache),
    }


def _vectors() -> list[list[float]]:
    from foveal.prediction import embedding_cache

    opened = embedding_cache.open_vectors("model", 4)
    made = {number: np.full(4, number, np.float32) for number in (1, 2, 3)}
    missing = {number: row for number, row in made.items() if opened.get(number) is None}
    embedding_cache.save_vectors(opened, missing)
    if embedding_cache.load_listing(opened.folder, "data") is None:
        embedding_cache.save_listing(opened.folder, "data", [1, None], ["", "damaged"])
    found = [opened.get(number) for number in made]
    return [
        (made[number] if vector is None else vector).tolist()
        for number, vector in zip(made, found, strict=True)
    ]


def _activations(cache: Path) -> Any:
    from foveal.explanation.top_activations import (
        TopActivations,
        load_top_activations,
        save_top_activations,
    )

    file = cache / "explain-model" / "top.npz"
    made = {"conv": TopActivations(*(np.arange(8.0).reshape(4, 2) + n for n in range(3)))}
    found = load_top_activations(file, ["conv"])
    if found is None:
        save_top_activations(file, made)
        found = made
    return [array.tolist() for array in vars(found["conv"]).values()]


def _thumbnail(file: Path, cache: Path) -> bytes:
    from foveal.studio.thumbnails import Thumbnails

    folder = cache / "studio"
    folder.mkdir(parents=True, exist_ok=True)
    thumbnails = Thumbnails(folder)
    try:
        return thumbnails.get_or_make(0, file, file.read_bytes)
    finally:
        thumbnails.close()
