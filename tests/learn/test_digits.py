"""The packed digits of the learn page are those of scikit-learn."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

WEB = Path(__file__).resolve().parents[2] / "web"


def test_the_committed_file_is_what_the_script_packs():
    packed = (WEB / "src" / "learn" / "data" / "digits.bin").read_bytes()
    assert packed == runpy.run_path(str(WEB / "pack_digits.py"))["pack"]()
    records = np.frombuffer(packed, np.uint8).reshape(1_797, 65)
    pixels, targets = load_digits(return_X_y=True)
    assert (records[:, :64] == pixels).all()
    assert (records[:, 64] == targets).all()
