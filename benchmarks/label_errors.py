"""Suspected label errors before any training: precision and recall on labels that were flipped.

    python benchmarks/label_errors.py [--draws 5] [--peer-draws 1]

Sets: `clothing10` and `catdog` with the embeddings of EfficientNet-Lite0 (all splits together), and
`digits`, scikit-learn's, with their pixels as embeddings. Of each, 0, 1, 3, 5 and 10 % of the
labels are flipped: `any` to any other class, `alike` to the class whose mean is nearest, which is
how people err. Precision is the share of flipped labels among those reported, recall the share of
flipped labels that is reported; both as median, least and largest over the draws. The two photo
sets hold label errors of their own, which count as false alarms here, so precision there is a
lower bound; the row of 0 % says how many images are reported of the data as they are.

Contenders get the same vectors: `foveal` (foveal.doctor.label_errors, 10 % false alarms promised),
`cleanlab` (find_label_issues with its defaults on the probabilities of scikit-learn's logistic
regression in five folds, as its tutorial does) and `10 neighbours` (a label that fewer than three
of the ten nearest images have, while seven have another one). cleanlab lives in an environment of
its own (.venv-labels) that this script makes. The figures are shares and counts, so other work on
the machine does not change them. Written to benchmarks/results/label_errors.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveal import __version__

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "label_errors.json"
PEERS = ROOT / ".venv-labels"
PACKAGES = ("cleanlab==2.9.0", "scikit-learn", "pandas")
SHARES = (0.0, 0.01, 0.03, 0.05, 0.1)
KINDS = ("any", "alike")
Labels = NDArray[np.int64]
Vectors = NDArray[np.float32]

PEER = """
import sys, numpy as np
from cleanlab.filter import find_label_issues
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
data = np.load(sys.argv[1])
model = LogisticRegression(max_iter=200)
probabilities = cross_val_predict(model, data["vectors"], data["labels"], cv=5,
                                  method="predict_proba")
np.save(sys.argv[2], find_label_issues(data["labels"], probabilities, n_jobs=1))
"""


# Sets -----------------------------------------------------------------------------------------


def digits() -> tuple[Vectors, Labels]:
    """Pixels as vectors, and labels."""
    from sklearn.datasets import load_digits

    from foveal.neighbours import unit_rows

    pixels, labels = load_digits(return_X_y=True)
    return unit_rows(pixels), labels.astype(np.int64)


def photos(name: str) -> tuple[Vectors, Labels]:
    """Embeddings of every image of an archive, from the cache where they are in it."""
    from foveal.dataset.open import open_dataset
    from foveal.neighbours import unit_rows
    from foveal.prediction.embeddings import embed_dataset
    from foveal.progress import bar
    from foveal.verbs.load import load_features

    folder = Path(os.environ.get("FOVEAL_DATA", ROOT.parent / "shared" / "data"))
    dataset = open_dataset(folder / f"{name}.zip")
    found = embed_dataset(load_features("efficientnet-lite0"), dataset, progress=bar())
    labels = [dataset.classes.index(dataset.labels[row][0]) for row in found.rows.tolist()]
    return unit_rows(found.vectors), np.array(labels, np.int64)


SETS: dict[str, Callable[[], tuple[Vectors, Labels]]] = {
    "clothing10": lambda: photos("clothing10"),
    "catdog": lambda: photos("catdog"),
    "digits": digits,
}


def flip(
    vectors: Vectors, labels: Labels, share: float, kind: str, seed: int
) -> tuple[Labels, NDArray[np.int64]]:
    """Labels of which a share is wrong, and the rows of those."""
    random = np.random.default_rng(seed)
    rows = random.choice(len(labels), round(share * len(labels)), replace=False)
    classes = int(labels.max()) + 1
    changed = labels.copy()
    if kind == "any":
        changed[rows] = (changed[rows] + random.integers(1, classes, len(rows))) % classes
    else:
        means = np.stack([vectors[labels == number].mean(0) for number in range(classes)])
        distances = np.linalg.norm(means[:, None] - means, axis=2)
        np.fill_diagonal(distances, np.inf)
        changed[rows] = distances.argmin(1)[labels[rows]]
    return changed, rows


# Contenders -----------------------------------------------------------------------------------


def foveal(vectors: Vectors, labels: Labels) -> NDArray[np.int64]:
    """Rows that foveal check reports."""
    from foveal.doctor.label_errors import find_label_errors

    return find_label_errors(vectors, labels, int(labels.max()) + 1).rows


def neighbours(vectors: Vectors, labels: Labels) -> NDArray[np.int64]:
    """Rows whose label fewer than three of ten neighbours have, while seven have another."""
    from foveal.neighbours import nearest

    _, places = nearest(vectors, vectors, 10, same=True)
    votes = np.zeros((len(labels), int(labels.max()) + 1), int)
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[places]), 1)
    own = votes[np.arange(len(labels)), labels]
    return np.flatnonzero((own < 3) & (votes.max(1) >= 7))


def cleanlab(vectors: Vectors, labels: Labels) -> NDArray[np.int64]:
    """Rows that cleanlab reports."""
    python = PEERS / "bin" / "python"
    with tempfile.TemporaryDirectory() as name:
        given, found = Path(name) / "given.npz", Path(name) / "found.npy"
        np.savez(given, vectors=vectors, labels=labels)
        subprocess.run([str(python), "-c", PEER, str(given), str(found)], check=True)
        return np.flatnonzero(np.load(found))


CONTENDERS = {"foveal": foveal, "10 neighbours": neighbours, "cleanlab": cleanlab}


def make_environment() -> None:
    """The environment of cleanlab, once."""
    if not (PEERS / "bin" / "python").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, *PACKAGES], check=True)


# Figures --------------------------------------------------------------------------------------


def spread(values: list[float]) -> dict[str, float] | str:
    """Median, least and largest; `-` where there is no value."""
    if not values:
        return "-"
    middle = round(float(np.median(values)), 3)
    return {"median": middle, "least": round(min(values), 3), "largest": round(max(values), 3)}


def figures(
    name: str, vectors: Vectors, labels: Labels, share: float, kind: str, who: str, draws: int
) -> dict[str, Any]:
    """One row: reported, precision and recall of a contender."""
    reported, precision, recall = [], [], []
    for seed in range(draws if share else 1):
        given, rows = flip(vectors, labels, share, kind, seed)
        found = CONTENDERS[who](vectors, given)
        hits = len(np.intersect1d(found, rows))
        reported.append(float(len(found)))
        if len(rows) and len(found):
            precision.append(hits / len(found))
        if len(rows):
            recall.append(hits / len(rows))
    return {
        "set": name,
        "flipped": f"{100 * share:g} %" + (f", {kind}" if share else ""),
        "who": who,
        "reported": spread(reported),
        "precision": spread(precision),
        "recall": spread(recall),
        "draws": len(reported),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--peer-draws", type=int, default=1)
    args = parser.parse_args()
    if args.peer_draws:
        make_environment()
    result: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "processor": _processor()},
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "foveal": __version__,
            "peers": ", ".join(PACKAGES[:1]),
        },
        "sets": {},
        "figures": [],
    }
    for name in args.sets:
        vectors, labels = SETS[name]()
        result["sets"][name] = {"images": len(labels), "classes": int(labels.max()) + 1}
        for share in SHARES:
            for kind in KINDS if share else KINDS[:1]:
                for who in CONTENDERS:
                    draws = args.peer_draws if who == "cleanlab" else args.draws
                    if not draws or (who == "cleanlab" and share not in (0, 0.05)):
                        continue
                    row = figures(name, vectors, labels, share, kind, who, draws)
                    result["figures"].append(row)
                    print(json.dumps(row), flush=True)
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
