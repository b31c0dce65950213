"""`foveal explain`: why a network made its prediction, as a value, a page and plots."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foveal.errors import ImageError, MissingExtra, UsageError
from foveal.files import PAGE, refuse_overwriting, refuse_used_folder, write_atomic
from foveal.progress import Progress, silent
from foveal.verbs.load import load_native

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset
    from foveal.explanation.explain import Explanation
    from foveal.model.model import Model
    from foveal.prediction.prediction import Prediction
    from foveal.prediction.predictor import Predictor


def explain(
    model: str | Path | Model | Predictor,
    image: Any,
    *,
    data: str | Path | Dataset | None = None,
    root: str | Path | None = None,
    layer: str | None = None,
    out: str | Path | None = None,
    png: str | Path | None = None,
    lang: Literal["en", "ko"] = "en",
    progress: Progress = silent,
) -> Explanation:
    """Explain the prediction of `model` for one image.

    image: a path, the bytes of an image file, a Pillow image or an array.  data: images among which
    each filter's top activations are found; without it those of the data.json beside the model
    file.  root: the folder of the images of a table.  layer: of the class activation map, else
    chosen.  out: the page to write; png: a folder for plots.  Raises Error where the image cannot
    be read, ModelFileError, UsageError for a layer that does not exist, MissingExtra without torch.
    """
    if find_spec("torch") is None:
        raise MissingExtra("foveal explain", "train")
    from foveal.dataset.open import refuse_root_without_data

    refuse_root_without_data(data, root)
    sources = {"the model": model, "the image": image, "the data": data}
    refuse_overwriting(out, sources, suffixes=PAGE)
    _refuse_folder_of_image(png, image)
    if png is not None:
        refuse_used_folder(Path(png), "--png")
    loaded = load_native(model)
    from foveal.explanation.explain import explain as explain_prediction
    from foveal.explanation.top_images import find_top_images

    has_file = isinstance(model, str | Path) and Path(model).is_file()
    model_path = Path(str(model)) if has_file else None
    source = Path(image) if isinstance(image, str) else image
    image_name = source.name if isinstance(source, Path) else "image"
    pixels = _pixels(loaded, source)
    prediction = _prediction(loaded, pixels, image_name)
    top_images, missing = find_top_images(loaded, model_path, data, progress, root=root)
    explanation = explain_prediction(
        loaded,
        pixels,
        prediction,
        image_name=image_name,
        layer=layer,
        top_images=top_images,
        top_images_missing=missing,
        progress=progress,
    )
    if out is not None:
        _write_page(explanation, Path(out), lang)
    if png is not None:
        from foveal.explanation.plots import write_plots

        write_plots(explanation, Path(png))
    return explanation


def _refuse_folder_of_image(png: str | Path | None, image: Any) -> None:
    """Raise UsageError where a plot could have the name of the image, which is never altered."""
    if png is not None and isinstance(image, str | Path):
        with contextlib.suppress(OSError, ValueError):
            if Path(image).parent.samefile(png):
                raise UsageError(
                    f"--png is {png}, the folder of the image, where a plot could overwrite it; "
                    "give another folder"
                )


def _pixels(model: Model, source: Any) -> np.ndarray:
    from foveal.images.resize import to_input_pixels
    from foveal.prediction.prediction import no_prediction

    network = model.manifest.network
    try:
        return to_input_pixels(source, network.input, network.preprocess)
    except ImageError as error:
        name = f"image {source}" if isinstance(source, Path) else "given image"
        raise no_prediction(error.reason, name) from error


def _prediction(model: Model, pixels: np.ndarray, image_name: str) -> Prediction:
    from foveal.prediction.prediction import make_prediction, no_prediction
    from foveal.prediction.predictor import Predictor

    row = Predictor(model).probabilities(pixels[None])[0]
    prediction = make_prediction(row, model.manifest, image_name, 5)
    if prediction.error is not None:
        raise no_prediction(prediction.error)
    return prediction


def _write_page(explanation: Explanation, out: Path, lang: Literal["en", "ko"]) -> None:
    from foveal.explanation.lens.data import lens_data
    from foveal.pages import render

    write_atomic(out, render("lens", lens_data(explanation), lang))
