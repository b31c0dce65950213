"""Routes of the self-test over what was exported from a model and lies beside its file."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from foveal.errors import MissingExtra, ModelFileError
from foveal.model.detect import EXPORTED_SUFFIXES, WEIGHTS_FILE
from foveal.prediction.consistency import Route, RouteSkipped
from foveal.prediction.page_file import is_exported_page
from foveal.prediction.prediction import LabelProbability, Prediction
from foveal.prediction.predictor import Predictor

EXPORT_TOLERANCE = 1e-4
"""Largest difference of a probability, as the parity check of an export allows."""
_PROGRAMS = ("network.py", "preprocess.py", "predict.py", "labels.json")


class ExportedRoute(NamedTuple):
    """A route over an exported file or folder; tolerance None: int8, which may differ."""

    name: str
    route: Route
    tolerance: float | None


def routes_beside(model: Path, paths: list[Path], place: Path) -> list[ExportedRoute]:
    """The routes over every exported file and folder beside `model` for the images at `paths`.

    place: a folder for temporary files.
    """
    weights = Predictor(model).manifest.weights_sha256
    model = model.resolve()
    files = sorted(path for path in model.parent.iterdir() if _is_exported(path) and path != model)
    folders = sorted(path.parent for path in model.parent.glob(f"*/{WEIGHTS_FILE}"))
    return [
        *(_file_route(file, paths, weights) for file in files),
        *(_folder_route(folder, paths, weights, place) for folder in folders),
    ]


def predict_in_folder(folder: Path, paths: list[Path]) -> Iterator[tuple[int, Prediction]]:
    """What predict.py of an exported folder gives, in a process that cannot import Foveal.

    Images that its preprocess.py cannot read are left out; RouteSkipped where these are all.
    """
    from foveal.exporting.pytorch.run import run_predict

    rows = run_predict(folder, lambda index: paths[index].read_bytes(), len(paths))
    if all(row["error"] is not None for row in rows):
        raise RouteSkipped(f"its preprocess.py can read none of the images ({rows[0]['error']})")
    for index, row in enumerate(rows):
        if row["error"] is None:
            yield index, prediction_from_json(row)


def prediction_from_json(data: dict[str, Any]) -> Prediction:
    """The Prediction of the object that a route gives as JSON."""
    top = tuple(LabelProbability(item["label"], item["probability"]) for item in data["top"])
    return Prediction(None, data["label"], data["probability"], top, data["abstained"])


def _is_exported(path: Path) -> bool:
    """By its name; of web pages, such as reports, only those that hold a model."""
    if path.suffix not in EXPORTED_SUFFIXES or not path.is_file():
        return False
    return path.suffix != ".html" or is_exported_page(path)


def _file_route(file: Path, paths: list[Path], weights: str) -> ExportedRoute:
    try:
        predictor = Predictor(file)
        manifest = predictor.manifest
    except (ModelFileError, MissingExtra) as error:
        return ExportedRoute(file.name, _failing(error), EXPORT_TOLERANCE)

    def route() -> Iterator[tuple[int, Prediction]]:
        _require_same_weights(manifest.weights_sha256, weights)
        yield from enumerate(predictor.predict(paths, top=None))

    int8 = (manifest.exported or {}).get("precision") == "int8"
    return ExportedRoute(file.name, route, None if int8 else EXPORT_TOLERANCE)


def _folder_route(folder: Path, paths: list[Path], weights: str, place: Path) -> ExportedRoute:
    """A copy of the folder is run: its weights, and programs that equal its own byte for byte.

    Nothing else that lies in a folder is executed.
    """

    def route() -> Iterator[tuple[int, Prediction]]:
        if find_spec("torch") is None:
            raise MissingExtra(f"running {folder.name}/", "train")
        from foveal.exporting.pytorch.folder import write_folder
        from foveal.model.model import load_model

        model = load_model(folder / WEIGHTS_FILE)
        _require_same_weights(model.manifest.weights_sha256, weights)
        copy = place / f"beside-{folder.name}"
        copy.mkdir()
        write_folder(copy, model)
        different = [name for name in _PROGRAMS if not _same_file(folder / name, copy / name)]
        if different:
            raise RouteSkipped(
                f"not run: its {', '.join(different)} differ from what this version of Foveal "
                "exports for its weights"
            )
        yield from predict_in_folder(copy, paths)

    return ExportedRoute(f"{folder.name}/", route, EXPORT_TOLERANCE)


def _failing(error: Exception) -> Route:
    def route() -> Iterator[tuple[int, Prediction]]:
        raise error

    return route


def _require_same_weights(found: str, expected: str) -> None:
    if found != expected:
        raise RouteSkipped("it was exported from other weights than those of the model")


def _same_file(first: Path, second: Path) -> bool:
    return first.is_file() and first.read_bytes() == second.read_bytes()
