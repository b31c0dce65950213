"""Predicts the classes of images as `foveal predict` does, with torch, Pillow and numpy only.

    python predict.py PATH... [--top K|all] [--format table|jsonl]

PATH is a file or a folder; `-` reads paths from standard input, one a line. From Python:

    from predict import load_network, probabilities
    rows = probabilities(load_network(), pixels)  # uint8 (N, H, W, C) of preprocess.load_pixels
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from network import build
from preprocess import UnreadableImage, load_pixels
from safetensors.torch import load_file

FOLDER = Path(__file__).resolve().parent
SETTINGS = json.loads((FOLDER / "labels.json").read_text(encoding="utf-8"))
LABELS: list[str] = SETTINGS["labels"]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
BATCH_SIZE = 64
NOT_FINITE = "the model's output is NaN or infinite"


def load_network() -> torch.nn.Module:
    """The network with its weights, in evaluation mode."""
    module: torch.nn.Module = build()
    weights = load_file(FOLDER / "weights.safetensors")
    weights.pop("train_hashes", None)  # which images it was trained on, for `foveal evaluate`
    module.load_state_dict(weights)
    return module.eval()


def probabilities(module: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    """Calibrated probabilities float32 (N, classes) of uint8 (N, H, W, C)."""
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits = module(batch)
        if SETTINGS["flip_average"]:
            logits = (logits + module(batch.flip(3))) / 2
    scaled = logits.numpy().astype(np.float64) / SETTINGS["temperature"]
    if SETTINGS["activation"] == "softmax":
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
    if scaled.shape[1] < len(LABELS):  # one unit for two classes
        scaled = np.concatenate([-scaled, scaled], axis=1)
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scaled)), np.float32)


def decide(row: np.ndarray, top: int | None = 5) -> dict[str, Any]:
    """The prediction of one row of probabilities; top None: all classes."""
    thresholds, order = SETTINGS["thresholds"], np.argsort(-row, kind="stable")
    best = _best(row)
    found: dict[str, Any] = {
        "label": LABELS[best],
        "probability": _short(row[best]),
        "top": [{"label": LABELS[i], "probability": _short(row[i])} for i in order[:top]],
        "abstained": thresholds["abstain"] is not None and float(row.max()) < thresholds["abstain"],
        "error": None,
    }
    if SETTINGS["task"] == "multi":
        limits = thresholds["per_label"]
        found["labels"] = [LABELS[i] for i in order if row[i] >= limits.get(LABELS[i], 0.5)]
    return found


def _best(row: np.ndarray) -> int:
    name, point = (SETTINGS["thresholds"][key] for key in ("positive_class", "operating_point"))
    if SETTINGS["task"] == "single" and len(LABELS) == 2 and None not in (name, point):
        positive = LABELS.index(name)
        return positive if row[positive] >= point else 1 - positive
    return int(row.argmax())


def _short(value: np.float32) -> float:
    """The float of the shortest decimal that rounds to this float32."""
    return float(str(np.float32(value)))


def predict(paths: Iterable[str], top: int | None = 5) -> Iterator[dict[str, Any]]:
    """One prediction an image, in the order of the paths; `error` says why there is none."""
    module, remaining = load_network(), iter(paths)
    while names := list(islice(remaining, BATCH_SIZE)):
        loaded = [_try_load(name) for name in names]
        pixels = [item for item in loaded if isinstance(item, np.ndarray)]
        rows = iter(probabilities(module, np.stack(pixels)) if pixels else ())
        for name, item in zip(names, loaded, strict=True):
            row = next(rows) if isinstance(item, np.ndarray) else None
            yield {"path": name, **(_failed(str(item)) if row is None else _decided(row, top))}


def _try_load(path: str) -> np.ndarray | UnreadableImage:
    try:
        if Path(path).is_dir():
            raise UnreadableImage("the folder contains no images")
        return load_pixels(path)
    except UnreadableImage as error:
        return error


def _decided(row: np.ndarray, top: int | None) -> dict[str, Any]:
    finite = bool(np.isfinite(row).all())
    return decide(row, top) if finite else _failed(NOT_FINITE)


def _failed(reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("label", "probability"))
    return {**nothing, "top": [], "abstained": False, "error": reason}


def _images(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from filter(None, (line.rstrip("\r\n") for line in sys.stdin))
        elif Path(path).is_dir():
            found = (file for file in sorted(Path(path).rglob("*")) if not file.is_dir())
            images = [str(file) for file in found if file.suffix.lower() in SUFFIXES]
            yield from images or [path]
        else:
            yield path


def _table_line(found: dict[str, Any]) -> str:
    if found["error"] is not None:
        return f"{found['path']:<40}  error: {found['error']}"
    name = ", ".join(found.get("labels") or [found["label"]])
    name += " (abstained)" if found["abstained"] else ""
    others = [item for item in found["top"] if item["label"] != found["label"]]
    rest = ", ".join(f"{item['label']} {item['probability']:.1%}" for item in others)
    return f"{found['path']:<40}  {name:<20}  {found['probability']:6.1%}  {rest}"


def _top(text: str) -> int | None:
    if text != "all" and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}'; give a whole number of 1 or more, or all")
    return None if text == "all" else int(text)


def main() -> int:
    """Print one line an image; 1 where one could not be read."""
    parser = argparse.ArgumentParser(description="Predict the classes of images.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, folders, - for stdin")
    parser.add_argument("--top", type=_top, default=5, metavar="K|all", help="classes per image")
    parser.add_argument("--format", choices=["table", "jsonl"], default="table")
    arguments = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name may hold what is no text
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    failed = 0
    for found in predict(_images(arguments.paths), arguments.top):
        failed += found["error"] is not None
        line = json.dumps(found, ensure_ascii=False)
        print(_table_line(found) if arguments.format == "table" else line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
