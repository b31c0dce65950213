"""Inputs that people reported to other projects, as docs/field-cases.md lists them."""

from __future__ import annotations

import io
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import foveal
from foveal.cli.main import run
from foveal.errors import DataError, ImageError
from foveal.images.decode import decode_array

FORMATS = "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC)"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def noise(seed: int, height: int = 12, width: int = 10) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


def encoded(image: Image.Image, kind: str, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of twelve images."""
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            noise(ord(label[0]) * 100 + number).save(tmp_path / "data" / label / f"{number}.png")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LFS, "not an image: a Git LFS pointer; fetch the file with git lfs pull"),
        (b"\0" * 4096, "not an image: zero bytes only, as an interrupted copy leaves"),
        (
            b"\n<html><head><title>403</title>",
            "not an image: a web page (HTML); fetch the file again",
        ),
        (
            b'<svg xmlns="http://www.w3.org/2000/svg"/>',
            "an SVG drawing, which has no pixels: convert it to PNG or JPEG",
        ),
        (b"Access denied\nno hotlinks", f"{FORMATS}, but text that starts with 'Access denied'"),
        (b'{"error": 429}', f"{FORMATS}, but text that starts with '{{\"error\": 429}}'"),
        (b"\xff" * 64, FORMATS),
        (
            b"P6 2 2 255\n" + bytes(range(12)),
            "a Netpbm image (PBM, PGM, PPM, PFM): convert it to PNG or JPEG",
        ),
        (b"", "empty file"),
    ],
)
def test_what_a_download_left_instead_of_an_image_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as error:
        decode_array(content, channels=3)
    assert error.value.reason == reason


def long_text(kind: str) -> dict[str, object]:
    info = PngImagePlugin.PngInfo()
    if kind == "zTXt":
        info.add_text("parameters", "a" * 3_000_000, zip=True)
    elif kind == "iTXt":
        info.add_itxt("XML:com.adobe.xmp", "b" * 3_000_000, zip=True)
    else:
        return {"icc_profile": b"\0" * 3_000_000}
    return {"pnginfo": info}


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
def test_a_png_with_megabytes_of_text_or_profile_is_read(kind: str) -> None:
    content = encoded(noise(1), "PNG", **long_text(kind))
    assert np.array_equal(decode_array(content, channels=3), np.asarray(noise(1)))


def test_a_png_whose_text_would_fill_the_memory_is_refused() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("bomb", "a" * (65 * 2**20), zip=True)
    with pytest.raises(ImageError) as error:
        decode_array(encoded(noise(1), "PNG", pnginfo=info), channels=3)
    assert error.value.reason == "more than 64 MiB of text or colour profile in the file"


def mpo(damaged: bool = False) -> bytes:
    content = encoded(noise(1), "MPO", save_all=True, append_images=[noise(2)])
    start = content.index(b"MPF\0") + 8
    return content[:start] + b"\xff" * 32 + content[start + 32 :] if damaged else content


def with_exif(body: bytes) -> bytes:
    content = encoded(noise(1), "JPEG")
    segment = b"Exif\0\0" + body
    return content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + content[2:]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # as foveal.images.decode sets it
@pytest.mark.parametrize(
    "content",
    [
        mpo(),
        mpo(damaged=True),
        with_exif(b""),
        with_exif(b"MM\0*\xff\xff\xff\xff"),
        with_exif(b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff" * 4),
        encoded(noise(1), "JPEG", icc_profile=b"no profile"),
        encoded(noise(1), "JPEG") + b"\0" * 5000,
        encoded(noise(1), "JPEG").replace(b"\xff\xdb", b"\x11\xff\xdb", 1),
    ],
    ids=["mpo", "mpo-index", "no-exif", "exif-offset", "exif-length", "icc", "trailing", "stray"],
)
def test_what_is_wrong_beside_the_pixels_changes_no_pixel(content: bytes) -> None:
    expected = decode_array(encoded(noise(1), "JPEG"), channels=3)
    assert np.array_equal(decode_array(content, channels=3), expected)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    content = encoded(first, kind, save_all=True, append_images=[second])
    mean = decode_array(content, channels=3).mean((0, 1))
    assert mean[0] > 200 and mean[2] < 50


@pytest.mark.parametrize(
    ("cut", "progressive"), [(57, False), (150, False), (57, True), (150, True)]
)
def test_an_image_that_lacks_its_last_bytes_is_never_half_read(cut: int, progressive: bool) -> None:
    content = encoded(noise(1, 60, 60), "JPEG", quality=95, progressive=progressive)
    with pytest.raises(ImageError) as error:
        decode_array(content[:-cut], channels=3)
    assert error.value.reason == "truncated: the file ends before the image does"


NAMES = (
    "new\nline.png",
    "tab\t.png",
    "☣️🍀.png",
    "a" * 250 + ".png",
    " lead.png",
    "trail .png",
    "per%20cent.png",
    "#1.png",
    "q?.png",
    "*.png",
    "[a].png",
    "quote'\".png",
    "back\\slash.png",
    "-rf.png",
    "$(x).png",
    "\u202eltr.png",
    os.fsdecode(b"latin\xe9.png"),
)


def test_any_file_name_is_an_image(root: Path) -> None:
    for seed, name in enumerate(NAMES):
        noise(seed).save(root / "cat" / name)
    result = foveal.check(root)
    assert result.classes == {"cat": 12 + len(NAMES), "dog": 12}
    assert not result.unusable


@pytest.mark.parametrize(
    "name",
    ["JPG", "JPEG", "Jpg", "jPeG", "JFIF", "jpe", "PNG", "jpg_large", "jpg?w=200", "png.jpg", ""],
)
def test_the_suffix_and_its_case_do_not_matter(root: Path, name: str) -> None:
    noise(1).save(root / "cat" / f"x.{name}", "JPEG")
    assert foveal.check(root).classes == {"cat": 13, "dog": 12}


def test_files_of_one_stem_are_each_an_image(root: Path) -> None:
    for seed, suffix in enumerate((".png", ".jpg", ".bmp")):
        noise(seed).save(root / "cat" / f"same{suffix}")
    (root / "cat" / "same.xml").write_text("<annotation/>")
    result = foveal.check(root)
    assert result.classes == {"cat": 15, "dog": 12}


def test_the_mark_windows_sets_on_downloads_is_no_image(root: Path) -> None:
    (root / "cat" / "0.png:Zone.Identifier").write_text("[ZoneTransfer]\nZoneId=3\n")
    result = foveal.check(root)
    assert (result.classes, result.unusable) == ({"cat": 12, "dog": 12}, ())
    assert "1 file ignored: not an image in a class folder." in [
        finding.advice for finding in result.findings
    ]


@pytest.fixture
def special(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pipe, a socket, devices and links that lead in circles, named as images."""
    os.mkfifo(root / "cat" / "pipe.jpg")
    monkeypatch.chdir(root / "dog")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket.jpg")
        for name, target in (("zero.jpg", "/dev/zero"), ("up", ".."), ("loop", "loop")):
            (root / "cat" / name).symlink_to(target)
        (root / "dog" / "dead.png").symlink_to("/nowhere")
        yield root


def test_pipes_sockets_devices_and_loops_are_never_waited_for(special: Path) -> None:
    unusable = {one.path: one.reason for one in foveal.check(special).unusable}
    assert unusable == {
        "cat/pipe.jpg": "not a regular file",
        "cat/zero.jpg": "not a regular file",
        "cat/loop": "cannot be opened: symbolic links that lead to each other",
        "cat/up": "a symbolic link to a folder above it",
        "dog/socket.jpg": "not a regular file",
        "dog/dead.png": "cannot be opened: a symbolic link that leads nowhere",
    }


def test_a_sparse_file_of_terabytes_is_not_read(root: Path) -> None:
    with (root / "cat" / "sparse.jpg").open("wb") as file:
        file.truncate(2**42)
    unusable = foveal.check(root).unusable
    assert [(one.path, one.reason) for one in unusable] == [
        ("cat/sparse.jpg", "4194304 MiB; the limit is 256 MiB")
    ]


def test_file_times_of_a_wrong_clock_do_not_matter(root: Path) -> None:
    for number, seconds in enumerate((0, 2**33, -(10**9))):
        os.utime(root / "cat" / f"{number}.png", (seconds, seconds))
    assert foveal.check(root).classes == {"cat": 12, "dog": 12}


def test_new_content_of_the_same_size_and_time_is_seen(root: Path) -> None:
    path = root / "cat" / "0.png"
    foveal.check(root)
    before = path.stat()
    path.write_bytes(b"\0" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [one.path for one in foveal.check(root).unusable] == ["cat/0.png"]


def test_words_of_splits_in_file_names_make_no_split(root: Path) -> None:
    for seed, name in enumerate(("photo of a train.jpg", "test tubes.jpg", "val.png")):
        noise(seed).save(root / "cat" / name)
    result = foveal.check(root)
    assert (result.classes, result.splits) == ({"cat": 15, "dog": 12}, {})


@pytest.mark.parametrize("name", ["CON", "NUL.txt", "dog.", "a:b", "=1+1", "None", "nan", "🍀"])
def test_any_folder_name_is_a_class(root: Path, name: str) -> None:
    shutil.copytree(root / "cat", root / name)
    assert foveal.check(root).classes[name] == 12


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def mac_zip(path: Path, root: Path) -> Path:
    """As the Finder writes it: a twin under __MACOSX for every file."""
    files: dict[str, bytes] = {"Data/.DS_Store": b"x"}
    for one in root.rglob("*.png"):
        files[f"Data/{one.parent.name}/{one.name}"] = one.read_bytes()
        files[f"__MACOSX/Data/{one.parent.name}/._{one.name}"] = b"\0\5\x16\7" + b"\0" * 100
    return zip_of(path, files)


def test_a_zip_of_the_finder_holds_the_images_only(root: Path, tmp_path: Path) -> None:
    result = foveal.check(mac_zip(tmp_path / "mac.zip", root))
    assert (result.classes, result.unusable) == ({"cat": 12, "dog": 12}, ())


def test_a_zip_behind_another_file_is_read(root: Path, tmp_path: Path) -> None:
    path = mac_zip(tmp_path / "self.zip", root)
    path.write_bytes(b"#!/bin/sh\nexit\n" + path.read_bytes())
    assert foveal.check(path).classes == {"cat": 12, "dog": 12}


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("a.zip", lambda _: b"<html>Virus scan warning</html>", "File is not a zip file"),
        ("a.zip", lambda content: content[: len(content) * 2 // 3], "File is not a zip file"),
        ("a.zip", lambda _: b"", "File is not a zip file"),
    ],
)
def test_a_download_that_is_no_archive_is_one_sentence(
    root: Path, tmp_path: Path, name: str, change: Callable[[bytes], bytes], reason: str
) -> None:
    path = mac_zip(tmp_path / name, root)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError) as error:
        foveal.check(path)
    kind = path.suffix
    assert str(error.value) == (
        f"cannot read {path} as a {kind} archive: {reason}; "
        "create the archive again or give the folder"
    )


@pytest.mark.parametrize(
    "name", ["a.h5", "a.lmdb", "a.npz", "a.rec", "a.tfrecord", "a.json", "a.yaml", "a.xlsx"]
)
def test_a_container_of_another_tool_is_refused_by_name(tmp_path: Path, capsys, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\3\4")
    assert run(["check", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err == (
        f"foveal: {tmp_path / name} is not a folder, a table (.csv, .tsv, .jsonl, .parquet) or "
        "an archive (.zip, .tar): give one of these\n"
    )


@pytest.mark.parametrize("address", ["https://example.com/a.zip", "ftp://host/data"])
def test_an_address_is_not_looked_for_on_the_disk(capsys, address: str) -> None:
    assert run(["check", address]) == 2
    assert capsys.readouterr().err == (
        f"foveal: {address} is an address without shards (.tar or .parquet), and other DATA must "
        "be on this machine: download it and give the file or folder\n"
    )
