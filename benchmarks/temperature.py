"""How to choose the temperature on few val images: log loss on test of some ways, over many sets.

    python benchmarks/temperature.py [--draws 40] [--seeds 2] [--n 5 10 16 30 50 100 300 1000 3000]

Real logits are those of small networks of scikit-learn's digits (ten classes, and pairs of two),
trained on 50 to 400 of them with and without label smoothing, shortly and long; val is drawn from
the rest and test is what is left. Simulated ones have 8,000 images: normal logits of 2 and 10
classes whose true temperature is known, from 0.25 to 4. From every model `draws` val sets of each
size are drawn. Ways, all over the same temperatures from 0.02 to 50:

- `none`: 1.  `fit`: the least loss on val (Guo et al. 2017).
- `normal S`, `cauchy S`: the same with a normal or Cauchy prior of scale S on the temperature's
  logarithm (maximum a posteriori; heavy tails: Gelman et al. 2008).
- `platt`: targets smoothed as if two more images were there (Platt 1999), by class.
- `one error`: the true class's target is (n + 1) / (n + 2), the rest goes to the likeliest other.
- `leave one out`: the mean of the logarithms of the n fits to all images but one.
- `cross-validated`: the scale of the Cauchy prior with the least loss in five folds of val.

Prints and writes to benchmarks/results/temperature.json, for every kind of logits and way, the mean
log loss on test above that of the temperature that is best there, by the size of val, with two
standard errors over models as its range; and the 95th percentiles over all draws. The figures are
losses and not times, so other work on the machine does not change them.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveal import __version__

RESULT = Path(__file__).resolve().parent / "results" / "temperature.json"
GRID = np.linspace(np.log(0.02), np.log(50), 79)
"""Logarithms of temperatures, 10 % apart."""
KINDS = ("digits", "simulated")
SCALES = (0.125, 0.25, 0.5, 1.0, 2.0)
Array = NDArray[np.float64]


# Logits ---------------------------------------------------------------------------------------


def digits_network(
    pixels: Array, labels: NDArray[np.int64], *, smoothing: float, steps: int, seed: int
) -> torch.nn.Module:
    """A network with one hidden layer, trained on all images at once."""
    torch.manual_seed(seed)
    classes = int(labels.max()) + 1
    module = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, classes)
    )
    loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    images, targets = torch.from_numpy(pixels).float(), torch.from_numpy(labels)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(module(images), targets).backward()
        optimizer.step()
    return module


def real_logits(seeds: int) -> Iterator[tuple[str, Array, NDArray[np.int64]]]:
    """Name, logits (N, classes) and labels (N,) of the digits a network was not trained on."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels / 16 - 0.3
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(labels))
        for kind, chosen in (("ten", range(10)), ("3 or 8", (3, 8)), ("0 or 1", (0, 1))):
            rows = order[np.isin(labels[order], list(chosen))]
            numbers = np.searchsorted(list(chosen), labels[rows])
            for train in (50, 400) if kind == "ten" else (20, 100):
                for smoothing, steps in ((0.0, 30), (0.0, 400), (0.1, 30), (0.1, 400)):
                    module = digits_network(
                        pixels[rows[:train]],
                        numbers[:train],
                        smoothing=smoothing,
                        steps=steps,
                        seed=seed,
                    )
                    with torch.no_grad():
                        logits = module(torch.from_numpy(pixels[rows[train:]]).float())
                    yield "digits", logits.double().numpy(), numbers[train:]


def simulated_logits(seeds: int) -> Iterator[tuple[str, Array, NDArray[np.int64]]]:
    """Name, logits and labels whose best temperature is known."""
    for seed in range(seeds):
        numbers = np.random.default_rng(seed)
        for classes in (2, 10):
            for spread in (1.0, 4.0, 16.0):
                logits = spread * numbers.normal(size=(8_000, classes))
                labels = (logits + numbers.gumbel(size=logits.shape)).argmax(axis=1)
                for temperature in (0.25, 0.5, 1.0, 2.0, 4.0):
                    yield "simulated", logits * temperature, labels


# Ways -----------------------------------------------------------------------------------------


class Losses:
    """Losses of every image at every temperature of GRID, each (N, GRID).

    label: of the true class.  other: of the likeliest class that is not the true one.
    mean: over all classes.
    """

    def __init__(self, logits: Array, labels: NDArray[np.int64]) -> None:
        rows = np.arange(len(labels))
        others = logits.copy()
        others[rows, labels] = -np.inf
        shape = (len(labels), len(GRID))
        self.label, self.other, self.mean = np.empty(shape), np.empty(shape), np.empty(shape)
        for place, temperature in enumerate(np.exp(GRID)):
            scaled = logits / temperature
            highest = scaled.max(axis=1)
            log_sum = np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest
            self.label[:, place] = log_sum - scaled[rows, labels]
            self.other[:, place] = log_sum - others.max(axis=1) / temperature
            self.mean[:, place] = log_sum - scaled.mean(axis=1)
        self.labels, self.classes = labels, logits.shape[1]


Way = Callable[[Losses, NDArray[np.int64]], Any]


def normal(scale: float) -> Array:
    """Minus the logarithm of a normal density on GRID."""
    return GRID**2 / (2 * scale**2)


def cauchy(scale: float) -> Array:
    """Minus the logarithm of a Cauchy density on GRID."""
    return np.log1p((GRID / scale) ** 2)


def with_prior(prior: Array) -> Way:
    """The maximum a posteriori."""
    return lambda losses, rows: int((losses.label[rows].sum(axis=0) + prior).argmin())


def platt(losses: Losses, rows: NDArray[np.int64]) -> int:
    """Targets (n + 1) / (n + classes) with n the images of the true class."""
    counts = np.bincount(losses.labels[rows], minlength=losses.classes)[losses.labels[rows]]
    share = (losses.classes / (counts + losses.classes))[:, None]
    return int(((1 - share) * losses.label[rows] + share * losses.mean[rows]).sum(axis=0).argmin())


def one_error(losses: Losses, rows: NDArray[np.int64], prior: Array | float = 0.0) -> int:
    """As if one of n + 2 images were of the likeliest other class."""
    share = 1 / (len(rows) + 2)
    smoothed = (1 - share) * losses.label[rows] + share * losses.other[rows]
    return int((smoothed.sum(axis=0) + prior).argmin())


def leave_one_out(losses: Losses, rows: NDArray[np.int64]) -> int:
    """The mean of the fits that leave one image out."""
    values = losses.label[rows]
    return round(float((values.sum(axis=0) - values).argmin(axis=1).mean()))


def cross_validated(losses: Losses, rows: NDArray[np.int64]) -> int:
    """The Cauchy prior whose scale has the least loss in five folds."""
    folds = [losses.label[part].sum(axis=0) for part in np.array_split(rows, 5)]
    total = np.sum(folds, axis=0)
    scores = [
        sum(fold[(total - fold + cauchy(scale)).argmin()] for fold in folds) for scale in SCALES
    ]
    return int((total + cauchy(SCALES[int(np.argmin(scores))])).argmin())


WAYS: dict[str, Way] = {
    "none": lambda *_: int(np.abs(GRID).argmin()),
    "fit": with_prior(np.zeros(len(GRID))),
    **{f"normal {scale:g}": with_prior(normal(scale)) for scale in SCALES},
    **{f"cauchy {scale:g}": with_prior(cauchy(scale)) for scale in SCALES},
    "platt": platt,
    "one error": one_error,
    "one error, cauchy 1": lambda losses, rows: one_error(losses, rows, cauchy(1.0)),
    "leave one out": leave_one_out,
    "cross-validated": cross_validated,
}


# Figures --------------------------------------------------------------------------------------


def excesses(losses: Losses, size: int, draws: int, seed: int) -> dict[str, Array] | None:
    """Log loss on test above the least there, (draws,) for every way; None where images lack."""
    total = len(losses.labels)
    if size > 0.6 * total:
        return None
    numbers = np.random.default_rng([seed, size])
    everything = losses.label.sum(axis=0)
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(draws):
        rows = numbers.choice(total, size, replace=False)
        test = (everything - losses.label[rows].sum(axis=0)) / (total - size)
        for name, way in WAYS.items():
            found[name].append(float(test[way(losses, rows)] - test.min()))
    return {name: np.array(values) for name, values in found.items()}


Collected = dict[tuple[str, int], list[dict[str, Array]]]


def measure(sizes: list[int], draws: int, seeds: int) -> Collected:
    """For every kind of logits and size of val the excesses of every model."""
    collected: Collected = {}
    for source in (real_logits, simulated_logits):
        for number, (name, logits, labels) in enumerate(source(seeds)):
            losses = Losses(logits, labels)
            for size in sizes:
                found = excesses(losses, size, draws, number)
                if found is not None:
                    collected.setdefault((name, size), []).append(found)
    return collected


def means(collected: Collected, kind: str, way: str, sizes: list[int]) -> dict[str, Any]:
    """The mean excess for every size, and as `_range` two standard errors around it."""
    row: dict[str, Any] = {"logits": kind, "way": way}
    for size in sizes:
        models = [float(result[way].mean()) for result in collected.get((kind, size), [])]
        if not models:
            row[f"n={size}"] = "-"
            continue
        mean, error = np.mean(models), 2 * np.std(models, ddof=1) / len(models) ** 0.5
        row[f"n={size}"] = round(float(mean), 4)
        row[f"n={size}_range"] = [round(float(mean - error), 4), round(float(mean + error), 4)]
    return row


def percentiles(collected: Collected, kind: str, way: str, sizes: list[int]) -> dict[str, Any]:
    """The excess that 95 % of all draws stay below, for every size."""
    row: dict[str, Any] = {"logits": kind, "way": way}
    for size in sizes:
        draws = [result[way] for result in collected.get((kind, size), [])]
        row[f"n={size}"] = round(float(np.quantile(draws, 0.95)), 4) if draws else "-"
    return row


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2)
    sizes = [5, 10, 16, 30, 50, 100, 300, 1000, 3000]
    parser.add_argument("--n", type=int, nargs="+", default=sizes)
    args = parser.parse_args()
    collected = measure(args.n, args.draws, args.seeds)
    result = {
        "processor": _processor(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "foveal": __version__,
        "draws_per_model": args.draws,
        "models": {kind: len(collected[kind, min(args.n)]) for kind in KINDS},
        "figures": [means(collected, kind, way, args.n) for kind in KINDS for way in WAYS],
        "percentiles_95": [
            percentiles(collected, kind, way, args.n) for kind in KINDS for way in WAYS
        ],
    }
    text = json.dumps(result, indent=1)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
