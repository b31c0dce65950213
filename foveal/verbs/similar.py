"""`foveal similar`: the images of DATA that are nearest to one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import UsageError
from foveal.progress import Progress, silent
from foveal.text import printable
from foveal.verbs.load import load_features

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset
    from foveal.dataset.types import UnusableFile
    from foveal.model.model import Model
    from foveal.prediction.predictor import Predictor


@dataclass(frozen=True)
class SimilarImage:
    """path: relative to DATA.  labels: empty where DATA has none.  distance: cosine, 0..2."""

    path: str
    labels: tuple[str, ...]
    split: str | None
    distance: float

    def to_data(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "path": printable(self.path),
            "labels": list(self.labels),
            "split": self.split,
            "distance": round(self.distance, 6),
        }


@dataclass(frozen=True)
class SimilarImages:
    """The images of DATA nearest to `image`, the nearest first.

    searched: how many were compared.  unusable: those of DATA that cannot be read.
    """

    image: str
    searched: int
    similar: tuple[SimilarImage, ...]
    unusable: tuple[UnusableFile, ...]

    def to_data(self) -> dict[str, Any]:
        """The object that `similar --json` prints."""
        return {
            "image": printable(self.image),
            "searched": self.searched,
            "similar": [item.to_data() for item in self.similar],
            "unusable": [
                {"path": printable(item.path), "reason": item.reason} for item in self.unusable
            ],
        }


def similar(
    model: str | Path | Model | Predictor | None,
    image: Any,
    data: str | Path | Dataset,
    *,
    count: int = 5,
    root: str | Path | None = None,
    progress: Progress = silent,
) -> SimilarImages:
    """The `count` images of DATA whose embeddings are nearest to that of `image`.

    model: as `foveal.embed` takes it.  image: a path, the bytes of an image file, a PIL image or an
    array; where it is itself one of the images of DATA, that one is left out.  data: labelled
    images, or a folder, archive or .tar shards without labels.  root: the folder of a table's
    images.  Embeddings of DATA are kept in the cache.  Raises Error where `image` cannot be read.
    """
    from foveal.dataset.open import open_images
    from foveal.neighbours import nearest, unit_rows
    from foveal.prediction.embeddings import embed_dataset

    if count < 1:
        raise UsageError(f"--count is {count}; give a whole number of 1 or more")
    dataset = open_images(data, root=root)
    predictor = load_features(model)
    query = unit_rows(_embed_one(predictor, image))
    embeddings = embed_dataset(predictor, dataset, progress=progress)
    kept = _other_rows(dataset, embeddings.rows.tolist(), image)
    units = unit_rows(embeddings.vectors[kept])
    distances, places = nearest(query, units, count)
    rows = embeddings.rows[kept][places[0]].tolist()
    return SimilarImages(
        image=str(image) if isinstance(image, str | Path) else "image",
        searched=len(kept),
        similar=tuple(
            SimilarImage(dataset.paths[row], dataset.labels[row], dataset.splits[row], distance)
            for row, distance in zip(rows, distances[0].tolist(), strict=True)
        ),
        unusable=(*dataset.unusable, *embeddings.unusable),
    )


def _embed_one(predictor: Predictor, image: Any) -> np.ndarray:
    """float32 (1, D)."""
    from foveal.prediction.inputs import iter_inputs
    from foveal.prediction.prediction import NOT_FINITE, no_prediction
    from foveal.prediction.prefetch import decode_input

    inputs = list(islice(iter_inputs(image), 2))
    name = f"image {image}" if isinstance(image, str | Path) else "given image"
    if len(inputs) != 1:
        raise UsageError(f"the {name} is not one image; give one file, or the pixels of one image")
    decoded = decode_input(inputs[0], predictor.manifest.network)
    if decoded.pixels is None:
        raise no_prediction(str(decoded.error), name)
    vectors = predictor.features(decoded.pixels[None])
    if not np.isfinite(vectors).all():
        raise no_prediction(NOT_FINITE)
    return vectors


def _other_rows(dataset: Dataset, rows: Sequence[int], image: Any) -> list[int]:
    """Places of the rows whose file is not `image` itself."""
    places = range(len(rows))
    if not isinstance(image, str | Path) or dataset.archive_members:
        return list(places)
    asked = Path(image).resolve()
    return [
        place
        for place in places
        if dataset.paths[rows[place]].rsplit("/", 1)[-1] != asked.name
        or (dataset.root / dataset.paths[rows[place]]).resolve() != asked
    ]
