"""`foveal convolve` on real files: what it prints, what it writes, what it refuses."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy import signal

from foveal.cli.main import run


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return pixels


def test_size_numbers_and_file_agree_with_scipy(image, tmp_path, capsys):
    assert (
        run(
            [
                "convolve",
                "photo.png",
                "--kernel",
                "sobel-x",
                "--stride",
                "2",
                "--padding",
                "1",
                "--out",
                "map.png",
                "--json",
            ]
        )
        == 0
    )
    data = json.loads(capsys.readouterr().out)
    want = signal.correlate2d(
        np.pad(image.astype(float), 1), [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "valid"
    )[::2, ::2]
    assert data["output"] == [5, 6] == list(want.shape)
    assert data["formula"] == [
        "floor((9 + 1 + 1 - 3) / 2) + 1 = 5",
        "floor((12 + 1 + 1 - 3) / 2) + 1 = 6",
    ]
    assert data["minimum"] == want.min()
    assert data["maximum"] == want.max()
    assert data["first_step"]["sum"] == want[0, 0]
    drawn = np.asarray(Image.open(data["file"]), float)
    assert np.abs(drawn - (want - want.min()) * 255 / np.ptp(want)).max() <= 0.5


def test_text_shows_the_arithmetic_and_the_file_has_a_new_name(image, tmp_path, capsys):
    assert run(["convolve", "photo.png", "--kernel", "identity", "--padding", "same"]) == 0
    out = capsys.readouterr().out
    assert "output   9 x 12" in out
    assert "sum      " in out
    assert np.array_equal(np.asarray(Image.open("photo-identity.png")), image)
    assert run(["convolve", "photo.png", "--kernel", "identity"]) == 0
    assert (tmp_path / "photo-identity-2.png").is_file()


def test_own_numbers_are_called_kernel(image, tmp_path, capsys):
    assert run(["convolve", "photo.png", "--kernel", "0 1 0; 1 -4 1; 0 1 0"]) == 0
    assert "map      photo-kernel.png" in capsys.readouterr().out
    assert (tmp_path / "photo-kernel.png").is_file()


def test_json_writes_a_file_only_where_it_is_named(image, tmp_path, capsys):
    assert run(["convolve", "photo.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_own_numbers_flip_activation_and_pool(image, tmp_path, capsys):
    rows = "1 2 0; 0 -1 3; 2 0 1"
    arguments = [
        "convolve",
        "photo.png",
        "--kernel",
        rows,
        "--padding",
        "1,0,2,1",
        "--flip",
        "--padding-value",
        "5",
        "--activation",
        "relu",
        "--pool",
        "max:2",
        "--out",
        "map.png",
        "--json",
    ]
    assert run(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    padded = np.pad(image.astype(float), ((1, 0), (2, 1)), constant_values=5)
    full = np.maximum(signal.convolve2d(padded, [[1, 2, 0], [0, -1, 3], [2, 0, 1]], "valid"), 0)
    pooled = full[: full.shape[0] // 2 * 2, : full.shape[1] // 2 * 2]
    pooled = pooled.reshape(full.shape[0] // 2, 2, -1, 2).max((1, 3))
    assert data["output"] == list(pooled.shape)
    assert data["mean"] == pytest.approx(pooled.mean())
    assert data["kernel"] == [[1, 0, 2], [3, -1, 0], [0, 2, 1]]
    products = np.array(data["kernel"]) * data["first_step"]["window"]
    np.testing.assert_allclose(data["first_step"]["products"], products)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--kernel", "1 2; 3 x"],
            "the kernel '1 2; 3 x' is not rows of numbers of one length; "
            "write it like '0 1 0; 1 -4 1; 0 1 0'",
        ),
        *(
            (
                ["--padding", wrong],
                f"the padding is '{wrong}'; give cells per side like 1, or "
                "top,bottom,left,right like 1,1,2,0, at most 8192, or same, or valid",
            )
            for wrong in ("1,2,3", "²", "999999999", "")
        ),
        (
            ["--padding", "1", "--padding-value", "nan"],
            "the padding value is nan; give a finite number",
        ),
        (
            ["--padding-mode", "zero"],
            "no padding mode is called 'zero'; take one of constant, reflect, replicate, circular",
        ),
        (
            ["--out", "photo.png"],
            "--out is the image itself, photo.png, which is never altered; give another name",
        ),
        (["--stride", "0"], "the stride is [0, 0]; give whole numbers of at least 1"),
        (["--pool", "mean"], "the pool is 'mean'; write max:2 or avg:3 with the window's size"),
    ],
)
def test_wrong_usage_is_one_sentence(image, capsys, arguments, text):
    assert run(["convolve", "photo.png", *arguments]) == 2
    assert capsys.readouterr().err == f"foveal: {text}\n"


def test_an_unreadable_image_is_one_sentence(tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"not an image")
    assert run(["convolve", str(tmp_path / "bad.png")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("foveal: ")
    assert error.count("\n") == 1
