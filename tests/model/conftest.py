"""What an attacker does to a model file, and the sentence that refuses it."""

import json
from pathlib import Path

import pytest

from foveal.errors import ModelFileError
from foveal.model import file as model_file
from foveal.model.file import read_model_file


def _rewrite(path: Path, change, *, rehash: bool = True) -> None:
    """Change the header of a file as an attacker would, its hash recomputed."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    if rehash:
        metadata = header["__metadata__"]
        body = {name: value for name, value in header.items() if name != "__metadata__"}
        table = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        metadata["foveal_seal"] = model_file.header_sha256(metadata["foveal"], table.encode())
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


def _change_manifest(path: Path, change) -> None:
    def inner(header) -> None:
        manifest = json.loads(header["__metadata__"]["foveal"])
        change(manifest)
        header["__metadata__"]["foveal"] = json.dumps(manifest)

    _rewrite(path, inner)


def _refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_model_file(path)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(path), "FILE")


@pytest.fixture(scope="session")
def rewrite():
    """`rewrite(path, change)` lets `change` alter the header, a dict."""
    return _rewrite


@pytest.fixture(scope="session")
def change_manifest():
    """`change_manifest(path, change)` lets `change` alter the manifest, a dict."""
    return _change_manifest


@pytest.fixture(scope="session")
def refusal():
    """`refusal(path)` is the sentence that refuses a file, which is called FILE in it."""
    return _refusal
