"""`foveal explain`: why a network answered as it did, as a value, a page and images.

Knows nothing of how maps are made; finds the images that show what excites a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foveal.dataset.sampling import even_sample
from foveal.errors import DataError, Error, ImageError, MissingExtra
from foveal.files import refuse_overwriting, write_atomic
from foveal.progress import Progress, silent
from foveal.rundir import RunData, read_run_data

if TYPE_CHECKING:
    from foveal.explanation.explain import Explanation
    from foveal.explanation.top_activations import TopActivations, TopImages
    from foveal.model.model import Model

MOST = 1000
"""Images that are scanned for what excites a filter."""
BATCH = 50
Missing = Literal["no_account", "gone"]


@dataclass(frozen=True)
class _Source:
    """One image to scan: its name, its bytes when asked for, its content hash where known."""

    name: str
    read: Callable[[], bytes]
    hash: str | None


def explain(
    model: str | Path | Model,
    image: Any,
    *,
    data: str | Path | None = None,
    layer: str | None = None,
    out: str | Path | None = None,
    png: str | Path | None = None,
    lang: Literal["en", "ko"] = "en",
    progress: Progress = silent,
) -> Explanation:
    """Explain the answer of `model` for one image.

    image: a path, the bytes of an image file, a Pillow image or an array.  data: images that
    show what excites a filter; without it those named in the data.json beside the model file.
    layer: where the class activation map is taken from, else chosen.  out: the page to write;
    png: a folder for the images.  Raises Error where the image cannot be read, ModelFileError,
    UsageError for a layer that does not exist, MissingExtra without torch.
    """
    if find_spec("torch") is None:
        raise MissingExtra("foveal explain", "train")
    from foveal.explanation import explain as room
    from foveal.images.resize import to_input_pixels
    from foveal.model.model import load_model
    from foveal.prediction.prediction import make_prediction
    from foveal.prediction.predictor import Predictor

    for given, what in ((model, "the model"), (image, "the image")):
        if out is not None and isinstance(given, str | Path):
            refuse_overwriting(Path(out), Path(given), what)
    opened = load_model(model) if isinstance(model, str | Path) else model
    network = opened.manifest.network
    source = Path(image) if isinstance(image, str) else image
    name = source.name if isinstance(source, Path) else "image"
    try:
        seen = to_input_pixels(source, network.input, network.preprocess)
    except ImageError as error:
        raise Error(
            f"the image {source if isinstance(source, Path) else 'given'} cannot be read "
            f"({error.reason}); give another"
        ) from error
    row = Predictor(opened).probabilities(seen[None])[0]
    if not np.isfinite(row).all():
        raise Error(
            "the network's answer is not a number; train it again with a smaller learning rate"
        )
    prediction = make_prediction(row, opened.manifest, name, 5)
    excited, missing = _excited(model, opened, data, progress)
    done = room.explain(
        opened, seen, prediction, name=name, layer=layer,
        excited=excited, excited_missing=missing, progress=progress,
    )  # fmt: skip
    _write(done, out, png, lang)
    return done


def _write(
    done: Explanation, out: str | Path | None, png: str | Path | None, lang: Literal["en", "ko"]
) -> None:
    if out is not None:
        from foveal.explanation.lens.data import data
        from foveal.pages import render

        write_atomic(Path(out), render("lens", data(done), lang))
    if png is not None:
        from foveal.explanation.plots import write

        write(done, Path(png))


def _excited(
    model: str | Path | Model, opened: Model, data: str | Path | None, progress: Progress
) -> tuple[TopImages | None, Missing | None]:
    """The scan of at most MOST images, or why there is none."""
    from foveal.explanation.top_activations import TopImages, winners

    if data is not None:
        sources = _listed(data)
    elif isinstance(model, str | Path):
        run_data = read_run_data(Path(model).parent)
        if run_data is None:
            return None, "no_account"
        sources = _run_sources(run_data)
    else:
        return None, "no_account"
    sources = [sources[at] for at in even_sample(len(sources), MOST)]
    checked = [one for one in map(_checked, sources) if one is not None]
    if not checked:
        return None, "gone"
    peaks = _scanned(opened, checked, progress)
    found = {number: _pixels(opened, checked[number]) for number in winners(peaks)}
    shown = {number: one for number, one in found.items() if one is not None}
    return TopImages(tuple(one.name for one in checked), peaks, shown), None


def _listed(data: str | Path) -> list[_Source]:
    """The training images of DATA, all where it has no splits."""
    from foveal.dataset.open import open_dataset

    found = open_dataset(data)
    rows = [row for row, split in enumerate(found.splits) if split == "train"]
    return [
        _Source(found.paths[row], partial(found.read, row), None)
        for row in (rows or range(len(found)))
    ]


def _run_sources(run_data: RunData) -> list[_Source]:
    """The training images of a run."""
    from foveal.images.decode import read_bytes

    root = run_data.root
    rows = [(image.path, f"{image.content_hash:016x}") for image in run_data.train]
    if root.is_file():
        return _from_archive(root, rows)
    return [_Source(path, partial(read_bytes, root / path), content) for path, content in rows]


def _from_archive(root: Path, rows: Sequence[tuple[str, str]]) -> list[_Source]:
    from foveal.dataset.open import open_dataset

    found = open_dataset(root)
    at = {path: row for row, path in enumerate(found.paths)}
    return [
        _Source(path, partial(found.read, at[path]), content)
        for path, content in rows
        if path in at
    ]


def _checked(source: _Source) -> _Source | None:
    """The image with its content hash; None where it is gone or no longer what it was."""
    from foveal.dataset.scan.image_stats import content_hash

    try:
        found = f"{content_hash(source.read()):016x}"
    except (OSError, DataError):
        return None
    return replace(source, hash=found) if source.hash in (None, found) else None


def _pixels(opened: Model, source: _Source) -> np.ndarray | None:
    """The image as the network sees it; None where it cannot be read."""
    from foveal.images.resize import to_input_pixels

    network = opened.manifest.network
    try:
        return to_input_pixels(source.read(), network.input, network.preprocess)
    except (OSError, DataError):
        return None


def _scanned(
    opened: Model, sources: list[_Source], progress: Progress
) -> dict[str, TopActivations]:
    """The scan of `sources` by every convolution, from the cache where it was done before."""
    from foveal.cache import cache_folder, write_about
    from foveal.explanation import top_activations

    names = sorted(
        name
        for name, part in opened.module.named_modules()
        if type(part).__name__ in ("Conv2d", "FlippedConv2d")
    )
    weights = opened.manifest.weights_sha256
    folder = (
        cache_folder()
        / f"explain-{top_activations.key(weights, [str(one.hash) for one in sources])}"
    )
    known = top_activations.kept(folder / "peaks.npz", names) if weights else None
    if known is not None:
        return known
    readable: list[int] = []
    peaks = top_activations.scan(
        opened.module, names, _batches(opened, sources, readable, progress)
    )
    numbers = np.array(readable, np.int64)
    peaks = {name: replace(one, images=numbers[one.images]) for name, one in peaks.items()}
    if weights:
        top_activations.keep(folder / "peaks.npz", peaks)
        write_about(folder, "top activations of a model's filters")
    return peaks


def _batches(
    opened: Model, sources: list[_Source], readable: list[int], progress: Progress
) -> Iterator[np.ndarray]:
    """The images that can be read, at most BATCH at a time; `readable` gets their numbers."""
    for start in range(0, len(sources), BATCH):
        part = []
        for number in range(start, min(start + BATCH, len(sources))):
            one = _pixels(opened, sources[number])
            if one is not None:
                readable.append(number)
                part.append(one)
        if part:
            yield np.stack(part)
        progress("looking for what excites each filter", start + len(part), len(sources))
