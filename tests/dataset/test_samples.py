"""Sample images as files, written once."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from foveal.dataset import samples
from foveal.progress import silent


def test_digits_are_written_once_as_they_are(tmp_path, monkeypatch):
    folder, count = samples.write_samples("digits", tmp_path / "images", silent)
    assert (folder, count) == (tmp_path / "images", 1797)
    digits = load_digits()
    path = folder / str(digits.target[5]) / "0005.png"
    expected = (digits.images[5] * 255 / 16).round()
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)
    monkeypatch.setattr(samples, "_digits", None)
    assert samples.write_samples("digits", tmp_path / "images", silent)[1] == 1797
