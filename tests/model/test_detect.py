"""The format of a file is detected by its first bytes; pickles and Keras files are rejected."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from foveal.errors import ModelFileError
from foveal.model.detect import check_format_version, detect_format, open_model_file
from foveal.model.file import read_model_file


def refusal(path: Path) -> str:
    """What reading and detecting both end in."""
    with pytest.raises(ModelFileError) as caught:
        read_model_file(path)
    with pytest.raises(ModelFileError) as detected:
        detect_format(path)
    assert str(detected.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


def test_formats_by_their_first_bytes(tmp_path: Path, digits_run: Path) -> None:
    assert detect_format(digits_run / "model.safetensors") == "native"
    path = tmp_path / "named.safetensors"
    path.write_bytes(b"\x08\x0a\x12\x00" + b"x" * 40)
    assert detect_format(path) == "onnx"
    for start in (b"<!doctype html>", b"\xef\xbb\xbf\n<HTML>"):
        path.write_bytes(start + b" " * 40)
        assert detect_format(path) == "page"
    path.write_bytes(b"\x08\x00\x00\x00TFL3" + b"x" * 40)
    assert detect_format(path) == "litert"
    # a safetensors header of 128 bytes begins with the byte of a pickle
    path.write_bytes((0x80).to_bytes(8, "little") + b"{" + b" " * 127)
    assert detect_format(path) == "native"


def test_the_file_is_open_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x0a\x12\x00")
    with open_model_file(path) as file:
        assert file.read() == b"\x08\x0a\x12\x00"


@pytest.mark.parametrize("version", [None, "2", 2.0, True, 0, -1])
def test_a_version_that_is_missing(version: object) -> None:
    with pytest.raises(ModelFileError) as caught:
        check_format_version(version, Path("m"))
    assert str(caught.value) == (
        "m is not a model file of Foveal or is damaged: its format version is missing"
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_an_image_in_the_place_of_the_model(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "one"
    Image.new("RGB", (8, 8)).save(path, kind)
    assert refusal(path) == "FILE is an image and no model file: MODEL comes before the images"


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("it-ran",)


@pytest.mark.parametrize(
    "suffix", [".pt", ".pth", ".pkl", ".ckpt", ".pt2", ".safetensors", ".onnx"]
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_pickles_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
    assert refusal(path) == (
        "FILE was not opened: it is a pickle or an archive of one, which can run code when it is "
        "loaded; Foveal opens the model.safetensors that `foveal train` writes and the .onnx, "
        ".tflite and .html that `foveal export` writes"
    )
    assert not (tmp_path / "it-ran").exists()


def test_archives_of_pickles_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Bomb()))
    assert "it is a pickle or an archive of one" in refusal(path)


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".hdf5"])
def test_keras_files_are_refused_unread(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"x")
    assert refusal(path) == (
        f"FILE was not opened: {suffix} files can run code when they are loaded; Foveal opens the "
        "model.safetensors that `foveal train` writes and the .onnx, .tflite and .html that "
        "`foveal export` writes"
    )


def test_of_an_exported_folder_the_weights_are_opened(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    assert detect_format(tmp_path) == "native"
    (tmp_path / "weights.safetensors").write_bytes(b"\x80\x02")
    assert "it is a pickle" in refusal(tmp_path / "weights.safetensors")


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        "FILE is a folder without a model file; give the path of a model file, or of a folder that "
        "`foveal export --to pytorch` wrote"
    )
    (tmp_path / "model.safetensors").touch()
    assert refusal(tmp_path) == (
        "FILE is a folder; give the model file in it, FILE/model.safetensors"
    )
    missing = tmp_path / "Modell.safetensor"
    assert refusal(missing) == (
        "there is no model file FILE (did you mean 'model.safetensors'?); check the path"
    )
    assert refusal(tmp_path / "weights.pth") == "there is no model file FILE; check the path"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "FILE is not a file; give the path of a model file"
