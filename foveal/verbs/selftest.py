"""`foveal selftest`: check that every route to a prediction gives the same prediction."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from foveal.errors import Error, UsageError
from foveal.model.detect import detect_format
from foveal.prediction.consistency import (
    TOLERANCE,
    RouteResult,
    RouteSkipped,
    compare_route,
    predictor_routes,
    write_sample_images,
)
from foveal.prediction.inputs import iter_inputs
from foveal.prediction.prediction import Prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent
from foveal.verbs.selftest_exports import (
    predict_in_folder,
    prediction_from_json,
    routes_beside,
)

MAX_SELFTEST_IMAGES = 256


def selftest(
    model: str | Path,
    images: str | Path | Iterable[str | Path] | None = None,
    *,
    progress: Progress = silent,
) -> tuple[RouteResult, ...]:
    """Compare the predictions over every route with those for paths in batches of 64.

    Routes: batch sizes, input types, an exported file and a folder of plain PyTorch made now, what
    was exported and lies beside the model, and a server on this machine.  images: at most 256 of
    them are used; None generates some.  Raises UsageError where none can be read.
    """
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder:
        source = write_sample_images(Path(folder) / "images") if images is None else images
        predictor = Predictor(model)
        reference = _reference(predictor, source)
        if not reference:
            raise UsageError(f"none of the images of {images} can be read; name others")
        paths = [Path(str(prediction.path)) for prediction in reference]
        routes = [
            *predictor_routes(predictor, paths),
            ("exported file", lambda: _predict_exported(Path(model), paths, Path(folder))),
            ("PyTorch folder", lambda: _predict_pytorch(Path(model), paths, Path(folder))),
            ("HTTP", lambda: _predict_http(Path(model), paths)),
        ]
        beside = routes_beside(Path(model), paths, Path(folder))
        tests = [*((name, route, TOLERANCE) for name, route in routes), *beside]
        results = []
        for done, (name, route, tolerance) in enumerate(tests):
            progress("selftest", done, len(tests), name)
            results.append(compare_route(name, reference, route, tolerance))
        return tuple(results)


def _reference(predictor: Predictor, images: str | Path | Iterable[str | Path]) -> list[Prediction]:
    paths = (item.value for item in iter_inputs(images) if isinstance(item.value, Path))
    predictions = predictor.predict(islice(paths, MAX_SELFTEST_IMAGES), top=None)
    return [item for item in islice(predictions, MAX_SELFTEST_IMAGES) if item.error is None]


def _predict_exported(
    model: Path, paths: list[Path], folder: Path
) -> Iterator[tuple[int, Prediction]]:
    if detect_format(model) != "native":
        raise RouteSkipped("the model is an exported file itself")
    if any(find_spec(package) is None for package in ("onnx", "onnxscript")):
        raise RouteSkipped("the extra 'train' is not installed")
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.model import load_model

    native = load_model(model)
    path = folder / "model.onnx"
    path.write_bytes(seal_graph(export_graph(native).SerializeToString(), native.manifest))
    yield from enumerate(Predictor(path).predict(paths, top=None))


def _predict_pytorch(
    model: Path, paths: list[Path], place: Path
) -> Iterator[tuple[int, Prediction]]:
    """A folder that is written now: programs that lie beside a model are never run."""
    if detect_format(model) != "native":
        raise RouteSkipped("the model is an exported file itself")
    from foveal.exporting.pytorch.folder import write_folder
    from foveal.model.model import load_model

    folder = place / "model-pytorch"
    folder.mkdir()
    write_folder(folder, load_model(model))
    yield from predict_in_folder(folder, paths)


def _predict_http(model: Path, paths: list[Path]) -> Iterator[tuple[int, Prediction]]:
    from foveal.verbs.serve import EXTRA_PACKAGES

    if not all(map(find_spec, EXTRA_PACKAGES)):
        raise RouteSkipped("the extra 'serve' is not installed")
    from http.client import HTTPConnection

    headers = {"Content-Type": "application/octet-stream"}
    with _server(model) as address:
        for index, path in enumerate(paths):
            connection = HTTPConnection(address, timeout=60)
            connection.request("POST", "/predict?top=all", path.read_bytes(), headers)
            response = connection.getresponse()
            data = json.loads(response.read())
            connection.close()
            if response.status != 200:
                raise Error(f"the server answered {response.status} for {path}: see foveal serve")
            yield index, prediction_from_json(data)


@contextlib.contextmanager
def _server(model: Path) -> Iterator[str]:
    """Start `foveal serve` on a free port; yields host:port and stops it afterwards."""
    command = [sys.executable, "-P", "-m", "foveal", "serve", f"model={model}", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "FOVEAL_TOKEN"}
    process = subprocess.Popen(  # noqa: S603
        [*command, "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    last_line = ""
    for line in process.stderr:
        last_line = line.strip() or last_line
        if "serving on http://" in line:
            return line.split("serving on http://")[1].split()[0].rstrip("/")
    raise Error(f"the server did not start ({last_line}): see foveal serve")
