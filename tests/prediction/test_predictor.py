"""One prediction on every route: any kind of source, batch size, and file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.errors import DataError, ModelFileError, UsageError
from foveal.images.resize import to_input_pixels
from foveal.model.model import load_model
from foveal.prediction.predictor import Predictor


@pytest.fixture(scope="module", params=["native", "exported"])
def model(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def figures(predictions) -> tuple[list[str | None], np.ndarray]:
    predictions = list(predictions)
    return (
        [prediction.label for prediction in predictions],
        np.array([sorted((c.label, c.probability) for c in a.top) for a in predictions], object)[
            :, :, 1
        ].astype(float),
    )


def test_every_route_and_batch_size_gives_the_same(model: Path, native: Path, photos: Path) -> None:
    photos = photos / "part 1"
    paths = sorted(photos.iterdir())
    plain = Predictor(native, batch_size=64)
    labels, truth = figures(plain.predict(paths, top=None))
    assert len(set(labels)) > 1
    routes = {
        "one by one": (1, lambda: paths),
        "seven": (7, lambda: map(str, paths)),
        "folder": (64, lambda: photos),
        "bytes": (64, lambda: (path.read_bytes() for path in paths)),
        "parts": (64, lambda: [[paths[:20], paths[20]], iter(paths[21:])]),
        "pattern": (16, lambda: f"{photos}/*.*"),
    }
    for name, (size, given) in routes.items():
        predictor = Predictor(model, batch_size=size)
        actual, probabilities = figures(predictor.predict(given(), top=None))
        assert actual == labels, name
        np.testing.assert_allclose(probabilities, truth, atol=1e-5, err_msg=name)


def test_values_give_the_same_as_their_file(model: Path, photos: Path) -> None:
    predictor = Predictor(model)
    path = next(photos.rglob("*.png"))
    with Image.open(path) as image:
        image.load()
    array = np.asarray(image)
    given = [path, image, array, path.read_bytes(), np.stack([array, array])]
    predictions = list(predictor.predict(given))
    assert [prediction.path for prediction in predictions] == [str(path), *[None] * 5]
    predictions += [next(predictor.predict(value)) for value in (array, image)]
    for prediction in predictions:
        assert prediction.label == predictions[0].label
        assert prediction.probability == pytest.approx(predictions[0].probability, abs=1e-5)


def test_a_buffer_that_is_used_again_is_seen_as_it_was(model: Path, photos: Path) -> None:
    """The frames of an animation are one image that moves on; cameras fill one array."""
    frames = [Image.open(path).convert("RGB").resize((40, 30)) for path in photos.rglob("*.png")]
    predictor = Predictor(model)
    expected = [next(predictor.predict(frame)).probability for frame in frames]
    image, array = Image.new("RGB", (40, 30)), np.empty((30, 40, 3), np.uint8)

    def given(array_too: bool):
        for frame in frames:
            image.paste(frame)
            array[:] = np.asarray(frame)
            yield array if array_too else image

    for array_too in (False, True):
        actual = [prediction.probability for prediction in predictor.predict(given(array_too))]
        assert actual == pytest.approx(expected, abs=1e-5)


def test_logits_and_probabilities_are_those_of_torch(model: Path, native: Path) -> None:
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (10, 24, 20, 3), dtype=np.uint8)
    module = load_model(native).module
    with torch.inference_mode():
        maps = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        logits = (module(maps) + module(maps.flip(3))) / 2
        truth = (logits / 0.7).softmax(1)
    predictor = Predictor(model, batch_size=3)
    np.testing.assert_allclose(predictor.logits(pixels), logits, atol=1e-4)
    np.testing.assert_allclose(predictor.probabilities(pixels), truth, atol=1e-5)
    assert predictor.probabilities(pixels[:0]).shape == (0, 4)


def test_what_cannot_be_read_is_a_line_with_the_reason(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    good = next(photos.rglob("*.jpg"))
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:200])
    (tmp_path / "folder").mkdir()
    given = [
        good,
        tmp_path / "text.jpg",
        tmp_path / "empty.png",
        good,
        tmp_path / "none.jpg",
        tmp_path / "cut.jpg",
        tmp_path / "folder",
        f"{tmp_path}/*.gif",
        7,
        "nul\0",
        b"",
        good,
        np.zeros((3, 3)),
    ]
    predictions = list(Predictor(model, batch_size=4).predict(given))
    assert [prediction.error for prediction in predictions] == [
        None,
        "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC), but "
        "text that starts with 'not an image'",
        "empty file",
        None,
        "cannot be opened: No such file or directory",
        "truncated: the file ends before the image does",
        "the folder contains no images",
        "no file matches the pattern",
        "int is not an image: give a path, bytes, PIL image or array",
        "the path contains a null character",
        "empty file",
        None,
        "an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not float64 (3, 3)",
    ]
    good_ones = [prediction for prediction in predictions if prediction.error is None]
    for prediction in good_ones:
        assert prediction.path == str(good)
        assert prediction.label == good_ones[0].label
        assert prediction.probability == pytest.approx(good_ones[0].probability, abs=1e-5)
    for prediction in predictions:
        if prediction.error is not None:
            assert (prediction.label, prediction.probability, prediction.top) == (None, None, ())


def test_an_answer_that_is_not_a_number_is_none(native: Path, photos: Path) -> None:
    model = load_model(native)
    model.module.output.bias.data[1] = float("nan")
    prediction = next(Predictor(model).predict(next(photos.rglob("*.png"))))
    assert prediction.error == "the model's output is NaN or infinite"
    assert (prediction.label, prediction.probability, prediction.top) == (None, None, ())


def test_answers_come_before_the_sources_end(model: Path, photos: Path) -> None:
    path = next(photos.rglob("*.png"))
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield path

    predictions = Predictor(model, batch_size=8).predict(endless())
    for _ in range(20):
        next(predictions)
    assert taken <= 20 + 4 * 8
    predictions.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("foveal-decode")]


def test_wrong_pixels_are_refused(model: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Predictor(model).probabilities(np.zeros((1, 3, 24, 20), np.uint8))
    assert str(caught.value) == (
        "pixels are uint8 (1, 3, 24, 20), the network needs uint8 (N, 24, 20, 3): "
        "use Predictor.predict for images"
    )
    with pytest.raises(UsageError) as caught:
        Predictor(model, batch_size=0)
    assert str(caught.value) == "batch_size is 0; give 1 or more"
    with pytest.raises(UsageError) as caught:
        Predictor(model).predict([], top=0)
    assert str(caught.value) == "top is 0; give 1 or more, or None for all classes"


def test_an_exported_file_never_imports_torch(exported: Path, photos: Path) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
sys.modules["onnx"] = None
from foveal import Predictor
predictions = list(Predictor({str(exported)!r}).predict({str(photos / "part 0")!r}))
assert len(predictions) == 50 and all(prediction.error is None for prediction in predictions)
loaded = {{name.split(".")[0] for name in sys.modules if sys.modules[name] is not None}}
assert not loaded & {{"torch", "onnx", "sklearn", "scipy", "pandas", "fastapi"}}, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_memory_does_not_grow_with_the_number_of_images(exported: Path, photos: Path) -> None:
    script = f"""
import itertools, re
from pathlib import Path
from foveal import Predictor
predictor = Predictor({str(exported)!r})
paths = sorted(Path({str(photos)!r}).rglob("*.*"))
peak = []
for count in (300, 2000):
    for prediction in predictor.predict(itertools.islice(itertools.cycle(paths), count)):
        assert prediction.error is None
    status = open("/proc/self/status").read()  # getrusage would count the parent before exec
    peak.append(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024)
print(peak[1] - peak[0])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 25


def test_the_pixels_are_those_of_training(native: Path, photos: Path) -> None:
    predictor = Predictor(native)
    network = predictor.manifest.network
    path = next(photos.rglob("*.jpg"))
    pixels = to_input_pixels(path, network.input, network.preprocess)[None]
    best = predictor.probabilities(pixels)[0].max()
    assert next(predictor.predict(path)).probability == pytest.approx(best, abs=1e-7)


def test_model_files_that_are_none(tmp_path: Path, native: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x07" + b"garbage" * 9)
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value).startswith(f"{path} is not an ONNX file or is damaged: ")
    shutil.copy(native, tmp_path / "renamed.onnx")
    assert Predictor(tmp_path / "renamed.onnx").labels == Predictor(native).labels


def test_embeddings_are_the_same_on_every_route_and_batch_size(native: Path, photos: Path) -> None:
    paths = sorted((photos / "part 1").iterdir())[:20]
    expected = Predictor(native).embed(paths)
    assert (expected.dtype, expected.shape) == (np.float32, (20, Predictor(native).embedding_size))
    for size in (1, 7):
        given = (path.read_bytes() for path in paths)
        np.testing.assert_allclose(
            Predictor(native, batch_size=size).embed(given), expected, atol=1e-5
        )
    assert Predictor(native).embed([]).shape == (0, expected.shape[1])


def test_embeddings_need_a_native_file_and_readable_images(
    native: Path, exported: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    with pytest.raises(DataError) as unreadable:
        Predictor(native).embed([broken])
    assert str(unreadable.value) == (
        f"{broken} cannot be read: empty file; remove it, or use foveal.embed, which reports such "
        "images and goes on"
    )
    predictor = Predictor(exported)
    for ask in (lambda: predictor.embed([broken]), lambda: predictor.embedding_size):
        with pytest.raises(ModelFileError) as error:
            ask()
        assert str(error.value) == (
            f"{exported} is an exported file, which gives probabilities and no embeddings; give "
            "the model.safetensors it was exported from"
        )
