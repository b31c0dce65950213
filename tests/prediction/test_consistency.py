"""Routes are compared by label and probability; sample images are always the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ExifTags, Image

from foveal.errors import Error
from foveal.prediction.consistency import (
    RouteResult,
    RouteSkipped,
    compare_route,
    predictor_routes,
    write_sample_images,
)
from foveal.prediction.prediction import LabelProbability, Prediction
from foveal.prediction.predictor import Predictor


def prediction(label: str, probability: float) -> Prediction:
    top = (LabelProbability("a", probability), LabelProbability("b", 1 - probability))
    return Prediction(None, label, probability, top)


def test_a_route_is_compared_by_index() -> None:
    reference = [prediction("a", 0.75), prediction("b", 0.25), prediction("a", 1.0)]
    result = compare_route(
        "some", reference, lambda: iter([(1, prediction("b", 0.5)), (2, prediction("b", 1.0))])
    )
    assert result == RouteResult("some", 2, 1, 0.25)
    assert not result.passed
    same = compare_route("same", reference, lambda: enumerate(reference))
    assert same == RouteResult("same", 3, 0, 0.0)
    assert same.passed


def test_other_classes_are_an_infinite_gap() -> None:
    other = Prediction(None, "a", 1.0, (LabelProbability("a", 1.0),))
    result = compare_route("top", [prediction("a", 1.0)], lambda: iter([(0, other)]))
    assert result.max_probability_gap == float("inf")
    assert not result.passed


def test_a_skipped_route_passes_with_its_reason() -> None:
    def route():
        raise RouteSkipped("no server")
        yield

    result = compare_route("HTTP", [], route)
    assert result == RouteResult("HTTP", skipped="no server")
    assert result.passed


def test_a_route_that_fails_on_its_way_does_not_pass() -> None:
    def route():
        yield 0, prediction("a", 0.75)
        raise Error("the server answered 503 for b.png: see foveal serve")

    result = compare_route("HTTP", [prediction("a", 0.75)] * 2, route)
    assert result == RouteResult(
        "HTTP", 1, error="the server answered 503 for b.png: see foveal serve"
    )
    assert not result.passed


def test_sample_images_cover_modes_and_formats(tmp_path: Path) -> None:
    first, second = (write_sample_images(tmp_path / name) for name in ("one", "two"))
    paths = sorted(first.iterdir())
    assert len(paths) == 24
    assert all(path.read_bytes() == (second / path.name).read_bytes() for path in paths)
    kinds = set()
    for path in paths:
        with Image.open(path) as image:
            kinds.add((image.format, image.mode))
    assert kinds == {
        ("PNG", "L"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("JPEG", "L"),
        ("JPEG", "RGB"),
    }


def test_every_route_of_a_predictor_passes(native: Path, tmp_path: Path) -> None:
    paths = sorted(write_sample_images(tmp_path / "images").iterdir())
    predictor = Predictor(native)
    reference = list(predictor.predict(paths, top=None))
    results = [
        compare_route(name, reference, route) for name, route in predictor_routes(predictor, paths)
    ]
    assert [result.name for result in results] == [
        "batch of 1",
        "batch of 7",
        "path strings",
        "bytes",
        "Pillow images",
        "arrays",
    ]
    assert all(result.passed for result in results)
    not_jpeg = sum(path.suffix == ".png" for path in paths)
    assert [result.images for result in results] == [24] * 4 + [not_jpeg] * 2


def test_images_in_memory_are_skipped_where_all_are_jpeg(native: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    Image.new("RGB", (30, 30)).save(path)
    predictor = Predictor(native)
    reference = list(predictor.predict(path, top=None))
    routes = dict(predictor_routes(predictor, [path]))
    for name in ("Pillow images", "arrays"):
        assert compare_route(name, reference, routes[name]).skipped == (
            "all images are JPEG, which is decoded at reduced size from files"
        )
    assert compare_route("bytes", reference, routes["bytes"]).skipped is None


def test_arrays_are_of_images_whose_pixels_are_all_that_they_say(
    native: Path, tmp_path: Path
) -> None:
    image = Image.effect_noise((30, 20), 90)
    image.convert("P").save(tmp_path / "palette.png")
    image.convert("1").save(tmp_path / "bits.png")
    image.convert("LA").save(tmp_path / "alpha.png")
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    image.save(tmp_path / "turned.png", exif=turned)
    image.save(tmp_path / "transparent.png", transparency=7)
    predictor, paths = Predictor(native), sorted(tmp_path.glob("*.png"))
    reference = list(predictor.predict(paths, top=None))
    routes = dict(predictor_routes(predictor, paths))
    assert compare_route("arrays", reference, routes["arrays"]).skipped == (
        "no image but JPEG is upright and grey, RGB or RGBA as an array is"
    )
    assert compare_route("Pillow images", reference, routes["Pillow images"]).passed
    image.save(tmp_path / "plain.png")
    paths.append(tmp_path / "plain.png")
    reference = list(predictor.predict(paths, top=None))
    result = compare_route("arrays", reference, dict(predictor_routes(predictor, paths))["arrays"])
    assert (result.images, result.passed) == (1, True)


@pytest.mark.parametrize("gap", [0.9e-5, 1.1e-5])
def test_the_tolerance(gap: float) -> None:
    assert RouteResult("x", 1, 0, gap).passed == (gap < 1e-5)
