"""How often the label queue of the studio proposes the right class, and answers its order saves.

    python benchmarks/label_queue.py [DRAWS] [SIDE] [ANSWERS]

Of the training images of clothing10, whose archive lies in FOVEAL_DATA, a tenth drawn by chance has
labels. A network is fine-tuned to them for 8 epochs at SIDE pixels (128), as a run of the studio
is. Proposals for all others are made by the pretrained embeddings alone, by those of the fine-tuned
network, by its own probabilities, and by both embeddings, as the queue does. Then the queue is
answered in steps of 20 (to ANSWERS, 300): in its order made anew after each step, in the order of
the beginning, and by chance. After each step the accuracy of proposals is that on the val split,
which no answer comes from; the test split is not read. Adds to results/label_queue.json.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inference
import numpy as np
import sets
import torch

import foveal
from foveal import __version__
from foveal.dataset.dataset import Dataset
from foveal.neighbours import unit_rows
from foveal.prediction.embeddings import embed_dataset
from foveal.studio.review.proposals import combined, fit_probabilities, propose
from foveal.verbs.load import installed_weights, load, load_features

RESULTS = Path(__file__).parent / "results" / "label_queue.json"
SHARE, STEP, EPOCHS = 0.1, 20, 8
Vectors = np.ndarray


def main() -> None:
    """Measure each draw and add it to the results."""
    draws, side, answers = (int(word) for word in [*sys.argv[1:], "3", "128", "300"][:3])
    with tempfile.TemporaryDirectory(prefix="foveal-queue-") as folder:
        home = Path(folder)
        root = sets.images("clothing10", Path(os.environ["FOVEAL_DATA"]), home)
        for draw in range(draws):
            add(
                f"draw {draw}, {side} px", measure_draw(root, home / str(draw), draw, side, answers)
            )


def add(name: str, found: dict[str, Any]) -> None:
    """Write a result beside those there are."""
    known = json.loads(RESULTS.read_text())["draws"] if RESULTS.is_file() else {}
    whole = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "python": platform.python_version(),
        "draws": {**known, name: found},
    }
    RESULTS.write_text(json.dumps(whole, indent=2) + "\n")
    print(name, json.dumps(found), flush=True)


def listed(root: Path, split: str) -> list[str]:
    """Paths of a split."""
    return sorted(path.relative_to(root).as_posix() for path in (root / split).rglob("*.jpg"))


def measure_draw(root: Path, out: Path, draw: int, side: int, answers: int) -> dict[str, Any]:
    """Train on a tenth of the images, then measure."""
    train, val = listed(root, "train"), listed(root, "val")
    names = [Path(path).parent.name for path in (*train, *val)]
    labelled = labelled_rows(len(train), draw)
    out.mkdir()
    table = out / "labelled.jsonl"
    rows = ({"path": str(root / train[row]), "label": names[row]} for row in labelled)
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = foveal.train(table, epochs=EPOCHS, size=side, seed=draw, out=out / "run")
    dataset = Dataset(root=root, paths=(*train, *val), labels=tuple((name,) for name in names))
    pretrained = embed_dataset(load_features(installed_weights()), dataset).vectors
    model = load(run.model_path)
    tuned = embed_dataset(model, dataset).vectors
    with torch.inference_mode():
        own = model.module[-1](torch.from_numpy(tuned)).softmax(1).numpy()
    classes = sorted(set(names))
    own = own[:, [model.labels.index(name) for name in classes]]
    truth = np.array([classes.index(name) for name in names])
    return measure(pretrained, tuned, own, truth, labelled, len(train), answers)


def labelled_rows(count: int, draw: int) -> np.ndarray:
    """The rows that have a label."""
    order = np.random.default_rng(draw).permutation(count)
    return np.sort(order[: round(SHARE * count)])


def measure(
    pretrained: Vectors,
    tuned: Vectors,
    own: Vectors,
    truth: np.ndarray,
    labelled: np.ndarray,
    train_count: int,
    answers: int,
) -> dict[str, Any]:
    """own: probabilities of the fine-tuned network.  The first rows are train, the others val."""
    known = np.full(len(truth), -1)
    known[labelled] = truth[labelled]
    rest = np.flatnonzero(known[:train_count] < 0)
    count = int(truth.max()) + 1
    fits = [fit_probabilities(unit_rows(each), known, count, rest) for each in (pretrained, tuned)]
    ways = {
        "pretrained embeddings": fits[0],
        "fine-tuned embeddings": fits[1],
        "fine-tuned probabilities": own[rest],
        "both embeddings": combined(fits),
        "pretrained embeddings, fine-tuned probabilities": combined([fits[0], own[rest]]),
    }
    right = {
        name: round(float((way.argmax(1) == truth[rest]).mean()), 4) for name, way in ways.items()
    }
    views = [pretrained, tuned]
    orders: dict[str, Callable[..., np.ndarray]] = {
        "queue, made anew": order_of_queue,
        "queue, once": order_once(views, known[:train_count], count),
        "by chance": order_by_chance(rest),
    }
    curves = {
        name: answer(views, truth, known, train_count, answers, order)
        for name, order in orders.items()
    }
    return {
        "labelled": len(labelled),
        "unlabelled": len(rest),
        "val": len(truth) - train_count,
        "proposals_right": right,
        "step": STEP,
        "val_right_after_answers": curves,
    }


def order_of_queue(views: list[Vectors], known: np.ndarray, count: int) -> np.ndarray:
    """The rows of the queue as it is now."""
    return propose([each[: len(known)] for each in views], known, count).rows


def order_once(views: list[Vectors], known: np.ndarray, count: int) -> Callable[..., np.ndarray]:
    """The rows of the queue as it was in the beginning."""
    rows = order_of_queue(views, known, count)
    return lambda _views, now, _count: rows[now[rows] < 0]


def order_by_chance(rest: np.ndarray) -> Callable[..., np.ndarray]:
    """Rows in one order drawn by chance."""
    rows = np.random.default_rng(0).permutation(rest)
    return lambda _views, now, _count: rows[now[rows] < 0]


def answer(
    views: list[Vectors],
    truth: np.ndarray,
    known: np.ndarray,
    train_count: int,
    answers: int,
    order: Callable[..., np.ndarray],
) -> list[float]:
    """Share of right proposals on val after 0, STEP, 2 STEP, ... answers."""
    known, count, val = known.copy(), int(truth.max()) + 1, np.arange(train_count, len(truth))
    units, found = [unit_rows(each) for each in views], []
    for done in range(0, answers + 1, STEP):
        fits = [fit_probabilities(each, known, count, val) for each in units]
        found.append(round(float((combined(fits).argmax(1) == truth[val]).mean()), 4))
        if done < answers:
            rows = order(views, known[:train_count], count)[:STEP]
            known[rows] = truth[rows]
    return found


if __name__ == "__main__":
    main()
