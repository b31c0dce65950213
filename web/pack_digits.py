"""Pack the digits of scikit-learn for the page of `foveal learn`.

Run: python web/pack_digits.py
Writes web/src/learn/data/digits.bin: for each of 1,797 images 64 bytes (8x8, 0 to 16, row by row)
and one byte, its class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parent / "src" / "learn" / "data" / "digits.bin"


def pack() -> bytes:
    """The bytes of the file."""
    values, targets = load_digits(return_X_y=True)
    return np.concatenate([values, targets[:, None]], axis=1).astype(np.uint8).tobytes()


if __name__ == "__main__":
    TARGET.write_bytes(pack())
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
