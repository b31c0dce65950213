"""The files behind a LiteRT flatbuffer: read by any zip reader, and any change is noticed."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import ModelFileError
from foveal.prediction.litert_verify import pack, read_manifest

MODEL = b"\x1c\x00\x00\x00TFL3" + bytes(range(200))
CONTENT = pack(MODEL, ("ant", "bee\nwasp", "개미"), '{"labels":"개미"}')
PATH = Path("a.tflite")
SEALED = CONTENT.index(b"foveal_seal.txt") - 30  # where the entry of the seal begins
FOREIGN = (
    "a.tflite was not written by `foveal export`, or is cut short: it does not end with a "
    "manifest that has the preprocessing and labels; export a model.safetensors"
)
DAMAGED = (
    "a.tflite was rejected: it was modified or damaged: its SHA-256 does not match; "
    "export the model again"
)


def refusal(content: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_manifest(content, PATH)
    return str(caught.value)


def test_any_zip_reader_finds_the_labels() -> None:
    assert CONTENT.startswith(MODEL)
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt", "foveal.json", "foveal_seal.txt"]
        assert archive.read("labels.txt").decode() == "ant\nbee wasp\n개미\n"
        seal = archive.read("foveal_seal.txt").decode()
        before = CONTENT[: archive.getinfo("foveal_seal.txt").header_offset]
    assert seal == hashlib.sha256(before).hexdigest()


def test_offsets_count_from_the_start_of_the_file() -> None:
    """Readers on phones take the directory's offsets as they are."""
    directory = int.from_bytes(CONTENT[-6:-2], "little")
    assert CONTENT[directory : directory + 4] == b"PK\x01\x02"
    first = int.from_bytes(CONTENT[directory + 42 : directory + 46], "little")
    assert first == len(MODEL)
    assert CONTENT[first : first + 4] == b"PK\x03\x04"


def test_the_manifest_is_read_again() -> None:
    assert read_manifest(CONTENT, PATH) == '{"labels":"개미"}'


def test_the_same_bytes_every_time() -> None:
    assert pack(MODEL, ("ant", "bee\nwasp", "개미"), '{"labels":"개미"}') == CONTENT


@given(st.integers(0, len(CONTENT) - 1))
def test_a_truncated_file(length: int) -> None:
    assert refusal(CONTENT[:length]) == FOREIGN


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_changed_byte(place: int, change: int) -> None:
    """In what follows the sealed bytes, dates and the like of the zip may change."""
    content = bytearray(CONTENT)
    content[place] ^= change
    try:
        found = read_manifest(bytes(content), PATH)
    except ModelFileError as error:
        assert str(error) in (FOREIGN, DAMAGED)
    else:
        assert found == '{"labels":"개미"}'
        assert place >= SEALED


def test_a_changed_weight() -> None:
    assert refusal(CONTENT.replace(bytes(range(50, 60)), bytes(10))) == DAMAGED


@given(st.binary(max_size=400))
def test_other_bytes(content: bytes) -> None:
    assert refusal(content) == FOREIGN
    assert refusal(content + b"PK\x05\x06" + content[:18].ljust(18, b"\x03")) in (FOREIGN, DAMAGED)


@pytest.mark.parametrize("names", [("labels.txt",), ("a", "b", "c"), tuple("abcd")])
def test_a_file_with_the_metadata_of_others(names: tuple[str, ...]) -> None:
    file = io.BytesIO(MODEL)
    with zipfile.ZipFile(file, "a") as archive:
        for number, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name), f"{number}")
    assert refusal(file.getvalue()) == FOREIGN


def test_compressed_entries_are_not_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("labels.txt", "foveal.json", "foveal_seal.txt"):
            archive.writestr(name, "0" * 10_000)
    assert refusal(file.getvalue()) == DAMAGED
