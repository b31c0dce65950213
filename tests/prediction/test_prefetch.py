"""Decoding keeps the input order, bounds what is in memory, and returns errors as values."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from foveal.prediction import prefetch
from foveal.prediction.inputs import ImageInput, RemoteImage
from foveal.prediction.prefetch import DecodedImage, batched, decode_ahead, decode_input
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

NETWORK = Network(input=Input(height=4, width=4, channels=1), layers=(Flatten(), Output()))


def images(count: int) -> Iterator[ImageInput]:
    for number in range(count):
        yield ImageInput(str(number), np.full((4, 4), number, np.uint8))


def test_order_and_pixels() -> None:
    decoded = list(decode_ahead(images(20), NETWORK, ahead=3))
    assert [item.path for item in decoded] == [str(number) for number in range(20)]
    assert all((item.pixels == number).all() for number, item in enumerate(decoded))
    assert decoded[0].pixels is not None
    assert decoded[0].pixels.shape == (4, 4, 1)


def test_at_most_ahead_inputs_are_taken() -> None:
    taken = 0

    def count() -> Iterator[ImageInput]:
        nonlocal taken
        for item in images(100):
            taken += 1
            yield item

    decoded = decode_ahead(count(), NETWORK, ahead=5)
    for number in range(1, 11):
        next(decoded)
        assert taken <= number + 5
    decoded.close()
    assert not [item for item in threading.enumerate() if item.name.startswith("foveal-decode")]


def test_images_at_addresses_are_fetched_ahead_in_order(monkeypatch) -> None:
    running, most, lock, together = 0, 0, threading.Lock(), threading.Event()

    def fetch(item: ImageInput) -> ImageInput:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running > 1:
                together.set()
        assert together.wait(60)
        with lock:
            running -= 1
        return ImageInput(item.path, np.zeros((4, 4), np.uint8))

    monkeypatch.setattr(prefetch, "_fetch", fetch)
    inputs = [ImageInput(str(n), RemoteImage(f"s3://b/{n}") if n % 7 else b"x") for n in range(99)]
    decoded = decode_ahead(inputs, NETWORK, ahead=10)
    assert [item.path for item in decoded] == [str(n) for n in range(99)]
    assert 1 < most <= prefetch.FETCH_THREADS
    for thread in threading.enumerate():
        if thread.name == "foveal-fetch":
            thread.join(60)
            assert not thread.is_alive()


def test_a_store_that_stalls_is_not_waited_for_at_the_end(monkeypatch) -> None:
    release, fetched = threading.Event(), []

    def fetch(item: ImageInput) -> ImageInput:
        fetched.append(item.path)
        if item.path != "0":
            release.wait(60)
        return ImageInput(item.path, np.zeros((4, 4), np.uint8))

    monkeypatch.setattr(prefetch, "_fetch", fetch)
    inputs = (ImageInput(str(number), RemoteImage(f"s3://b/{number}")) for number in range(99))
    decoded = decode_ahead(inputs, NETWORK, ahead=1)
    assert next(decoded).path == "0"
    closing = threading.Thread(target=decoded.close)
    closing.start()
    closing.join(10)
    is_closed = not closing.is_alive()
    release.set()
    closing.join(60)
    assert is_closed
    for thread in threading.enumerate():
        if thread.name == "foveal-fetch":
            assert thread.daemon
            thread.join(60)
    assert len(fetched) <= prefetch.FETCH_THREADS + 1


def test_files_are_decoded_in_threads_and_arrays_at_once(monkeypatch, tmp_path: Path) -> None:
    threads = {}

    def decode(item, network):
        threads[item.path] = threading.current_thread()
        return DecodedImage(item.path, None)

    monkeypatch.setattr(prefetch, "decode_input", decode)
    inputs = [ImageInput("file", tmp_path), ImageInput("bytes", b"x"), *images(1)]
    list(decode_ahead(inputs, NETWORK, ahead=3))
    assert threads["0"] is threading.main_thread()
    assert threads["file"].name.startswith("foveal-decode")
    assert threads["bytes"].name.startswith("foveal-decode")


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (ImageInput("a", error="no file matches the pattern"), "no file matches the pattern"),
        (ImageInput("a", b""), "empty file"),
        (
            ImageInput("a", np.zeros((2, 2))),
            "an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not float64 (2, 2)",
        ),
    ],
)
def test_errors_are_values(item: ImageInput, error: str) -> None:
    assert decode_input(item, NETWORK) == DecodedImage("a", None, error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("It broke"), "It broke"),
        (ValueError("Photos/A.jpg is odd"), "Photos/A.jpg is odd"),
        (KeyError(), "KeyError"),
        (OSError(2, "No such file or directory"), "no such file or directory"),
    ],
)
def test_any_exception_is_an_error(monkeypatch, error: Exception, text: str) -> None:
    """A PIL image opened by the caller may raise any type; its text may begin with a name."""

    def fail(*_):
        raise error

    monkeypatch.setattr(prefetch, "to_input_pixels", fail)
    assert decode_input(ImageInput("a", object()), NETWORK) == DecodedImage("a", None, text)


def test_batched() -> None:
    decoded = [DecodedImage(str(number), None) for number in range(5)]
    assert [len(batch) for batch in batched(iter(decoded), 2)] == [2, 2, 1]
