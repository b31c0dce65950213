"""`foveal selftest`: the same bytes give the same answer by every route and batch size.

Joins the Predictor, the exporter and the server, each only where it is installed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import Error, UsageError
from foveal.prediction.inputs import iter_inputs
from foveal.prediction.prediction import Prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent

TOLERANCE = 1e-5
"""Largest difference of a probability, fp32."""
MOST = 256
"""Images of IMAGES that are tried."""
_DRAWN = 24


@dataclass(frozen=True)
class Route:
    """What one route answered: images, those with another label, largest probability gap.

    skipped: why the route was not tried, or None.
    """

    name: str
    images: int = 0
    different: int = 0
    gap: float = 0.0
    skipped: str | None = None

    @property
    def passed(self) -> bool:
        """Whether all answers are those of the reference, or the route was skipped."""
        return self.different == 0 and self.gap <= TOLERANCE


def selftest(
    model: str | Path,
    images: str | Path | Iterable[str | Path] | None = None,
    *,
    progress: Progress = silent,
) -> tuple[Route, ...]:
    """Every route's answers compared with those for a list of paths in batches of 64.

    images: images to try, at most 256 of them; None draws some.  Raises UsageError where none
    can be read.
    """
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder:
        home = Path(folder)
        given = _drawn(home / "images") if images is None else images
        predictor = Predictor(model)
        named = (item.value for item in iter_inputs(given) if isinstance(item.value, Path))
        answers = list(islice(predictor.predict(islice(named, MOST), top=None), MOST))
        truth = [answer for answer in answers if answer.error is None]
        if not truth:
            raise UsageError(f"none of the images of {images} can be read; give others")
        paths = [Path(str(answer.path)) for answer in truth]
        found = []
        routes = _routes(Path(model), predictor, paths, home)
        for done, (name, route) in enumerate(routes):
            progress("selftest", done, len(routes), name)
            found.append(_compared(name, truth, route))
        return tuple(found)


Answers = Iterator[tuple[int, Prediction]]
"""Number of the image in the list, and what the route says of it."""


class Skipped(Exception):
    """The route cannot be tried here; the text says why."""


def _compared(name: str, truth: list[Prediction], route: Callable[[], Answers]) -> Route:
    images = different = 0
    gap = 0.0
    try:
        for place, answer in route():
            images += 1
            different += answer.label != truth[place].label
            gap = max(gap, _gap(truth[place], answer))
    except Skipped as reason:
        return Route(name, skipped=str(reason))
    return Route(name, images, different, gap)


def _gap(one: Prediction, other: Prediction) -> float:
    ours = {choice.label: choice.probability for choice in one.top}
    theirs = {choice.label: choice.probability for choice in other.top}
    if ours.keys() != theirs.keys():
        return float("inf")
    return max(abs(ours[label] - theirs[label]) for label in ours)


def _routes(
    model: Path, predictor: Predictor, paths: list[Path], home: Path
) -> list[tuple[str, Callable[[], Answers]]]:
    plain = [place for place, path in enumerate(paths) if not _is_jpeg(path)]

    def scored(given: Any, size: int = 64) -> Answers:
        predictor.batch_size = size
        yield from enumerate(predictor.predict(given, top=None))

    def values(make: Callable[[Any], Any]) -> Answers:
        if not plain:
            raise Skipped("all images are JPEG files, which may be decoded smaller by path only")
        answers = predictor.predict((make(_opened(paths[place])) for place in plain), top=None)
        yield from zip(plain, answers, strict=True)

    return [
        ("batch of 1", lambda: scored(paths, 1)),
        ("batch of 7", lambda: scored(paths, 7)),
        ("text names", lambda: scored(map(str, paths))),
        ("bytes", lambda: scored(path.read_bytes() for path in paths)),
        ("Pillow images", lambda: values(lambda image: image)),
        ("arrays", lambda: values(np.asarray)),
        ("exported file", lambda: _exported(model, paths, home)),
        ("HTTP", lambda: _served(model, paths)),
    ]


def _exported(model: Path, paths: list[Path], home: Path) -> Answers:
    from foveal.model import file as model_file

    if model_file.detect_format(model) == "onnx":
        raise Skipped("the model is an exported file itself")
    if any(find_spec(package) is None for package in ("onnx", "onnxscript")):
        raise Skipped("the extra 'train' is not installed")
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.model import load

    loaded = load(model)
    file = home / "model.onnx"
    file.write_bytes(seal_graph(export_graph(loaded).SerializeToString(), loaded.manifest))
    yield from enumerate(Predictor(file).predict(paths, top=None))


def _served(model: Path, paths: list[Path]) -> Answers:
    from foveal.verbs.serve import EXTRA_PACKAGES

    if not all(map(find_spec, EXTRA_PACKAGES)):
        raise Skipped("the extra 'serve' is not installed")
    import json
    from http.client import HTTPConnection

    with _server(model) as address:
        for place, path in enumerate(paths):
            connection = HTTPConnection(address, timeout=60)
            connection.request(
                "POST",
                "/predict?top=all",
                path.read_bytes(),
                {"Content-Type": "application/octet-stream"},
            )
            response = connection.getresponse()
            data = json.loads(response.read())
            connection.close()
            if response.status != 200:
                raise Error(f"the server answered {response.status} for {path}: see foveal serve")
            yield place, _prediction(data)


def _prediction(data: dict[str, Any]) -> Prediction:
    from foveal.prediction.prediction import LabelProbability

    top = tuple(LabelProbability(item["label"], item["probability"]) for item in data["top"])
    return Prediction(None, data["label"], data["probability"], top, data["abstained"])


@contextlib.contextmanager
def _server(model: Path) -> Iterator[str]:
    """host:port of a server of its own on this machine's loopback, stopped afterwards."""
    command = [sys.executable, "-m", "foveal", "serve", f"model={model}", "--port", "0"]
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
    said = ""
    for line in process.stderr:
        said = line.strip() or said
        if "serving on http://" in line:
            return line.split("serving on http://")[1].split()[0].rstrip("/")
    raise Error(f"the server did not start ({said}): see foveal serve")


def _is_jpeg(path: Path) -> bool:
    """A large JPEG is decoded smaller by path and by bytes, but not once it is a value."""
    with path.open("rb") as file:
        return file.read(2) == b"\xff\xd8"


def _opened(path: Path) -> Any:
    from PIL import Image

    return Image.open(BytesIO(path.read_bytes()))


def _drawn(folder: Path) -> Path:
    """Images of several sizes, modes and formats, always the same."""
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(_DRAWN):
        mode = ("RGB", "L", "RGBA")[number % 3]
        few = random.integers(0, 256, (6, 5, len(mode)), dtype=np.uint8)
        size = (40 + 37 * number, 900 - 31 * number)
        image = Image.fromarray(few[:, :, 0] if mode == "L" else few).resize(size)
        suffix = "png" if number % 2 or mode == "RGBA" else "jpg"
        image.save(folder / f"{number:02d}.{suffix}")
    return folder
