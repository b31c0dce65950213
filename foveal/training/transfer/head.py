"""The output layer as a regularised logistic regression on features that stay as they are.

The loss is convex. L-BFGS finds its minimum in coordinates in which an upper
bound of the curvature (Bohning 1992) is the identity, so that a few dozen passes are enough.
Few images say little of each feature's deviation: dividing by it lost up to 20 points of accuracy
with one image a class, so it is drawn towards the mean (docs/design-notes.md has the figures).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from foveal.spec.values import OutputActivation
from foveal.training import validation
from foveal.training.transfer import lbfgs

STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Of the L2 penalty, for the mean loss in nats and features of deviation 1, as they are tried."""
DEFAULT_STRENGTH = 0.03
"""Where there are no images to choose it on."""
FOLDS = 5
MIN_VAL_IMAGES, MAX_FOLDED_IMAGES = 200, 1000
"""With fewer images of val, and of train at most, those of train have a say in the strength (20
images a class, 5 to 40 of clothes and CIFAR-10: 0.2 points on average, docs/design-notes.md)."""
PATIENCE = 2
"""Strengths in a row that are worse than the best, after which no weaker one is tried."""
MAX_ITERATIONS = 100
MAX_ONE_THREAD_PRODUCTS = 100_000_000
"""Of a pass over all features, up to which one thread fits: two wait for each other where anything
else runs, 74 s for 11 s with 2,162 features of 1,280 numbers, ten classes and a busy machine."""
RELATIVE_TOLERANCE = 1e-5
"""Of the loss, where L-BFGS stops."""
CURVATURE_BOUNDS = {"softmax": 0.5, "sigmoid": 0.25}
"""Largest second derivative of the loss by the logits (Bohning 1992)."""
SHRINKAGE_IMAGES = 100
"""With so many images the variance of a feature counts half, the mean of all variances half."""
MIN_SCALE = 1e-12


@dataclass(frozen=True)
class FittedHead:
    """weight: (units, D) fp32.  bias: (units,) fp32.  strength: of the L2 penalty.

    val_logits: (N, units) fp32 of the validation features, where there are any.
    """

    weight: Tensor
    bias: Tensor
    strength: float
    val_logits: Tensor


@dataclass(frozen=True)
class HeadData:
    """features: (N, D) fp32.  targets: (N, units) in 0..1, as `encode_targets` gives them.

    weights: of the losses, as `loss_weights` gives them; None: all equal.
    """

    features: Tensor
    targets: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, mask: Tensor) -> HeadData:
        """The images of a (N,) mask."""
        weights = None if self.weights is None else self.weights[mask]
        return HeadData(self.features[mask], self.targets[mask], weights)


@torch.no_grad()
def fit_head(
    train: HeadData,
    val: HeadData | None = None,
    *,
    activation: OutputActivation,
    strengths: Sequence[float] | None = None,
) -> FittedHead:
    """Weight and bias of the output layer with which the features are classified best.

    strengths: of the L2 penalty, to choose from by the loss on val; where val has few images or
    none also of images of train that are left out in turn, and where that cannot be done
    DEFAULT_STRENGTH.
    """
    one_thread = train.features.numel() * train.targets.shape[1] <= MAX_ONE_THREAD_PRODUCTS
    with _one_thread() if one_thread else nullcontext():
        return _fit_best(train, val, activation, strengths)


def _fit_best(
    train: HeadData,
    val: HeadData | None,
    activation: OutputActivation,
    strengths: Sequence[float] | None,
) -> FittedHead:
    tried = tuple(sorted(strengths or STRENGTHS, reverse=True))
    held_out = val if val is not None and len(val) else None
    regression = _Regression(train, activation)
    if len(tried) > 1 and counts_left_out(len(train), 0 if held_out is None else len(held_out)):
        with _one_thread():
            tried = (_strength_by_folds(train, held_out, regression, tried),)
    if held_out is None:
        weight, bias = regression.fit(tried[0])
        return FittedHead(weight, bias, tried[0], train.features.new_empty(0, len(bias)))
    path = _fit_path(regression, held_out, tried)
    return min(path, key=lambda step: step[0])[1]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: two wait for each other, 10 s for 0.4 with 180 images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def counts_left_out(train_images: int, val_images: int) -> bool:
    """Whether images of train that are left out in turn have a say in the strength."""
    return not val_images or (val_images < MIN_VAL_IMAGES and train_images < MAX_FOLDED_IMAGES)


def _fit_path(
    regression: _Regression, held_out: HeadData, strengths: Sequence[float]
) -> list[tuple[float, FittedHead]]:
    """Loss on images held out and head, from the strongest penalty on, each from the one before."""
    path: list[tuple[float, FittedHead]] = []
    losses: list[float] = []
    for strength in strengths:
        weight, bias = regression.fit(strength)
        logits = held_out.features @ weight.T + bias
        losses.append(_calibrated_loss(logits, held_out, regression.activation))
        path.append((losses[-1], FittedHead(weight, bias, strength, logits)))
        if len(losses) - losses.index(min(losses)) > PATIENCE:
            break
    return path


def _calibrated_loss(logits: Tensor, data: HeadData, activation: OutputActivation) -> float:
    """Mean loss at the temperature of these logits: strong penalties make them small, not worse."""
    labels = data.targets.round().long()
    classes = (labels.argmax(dim=1) if activation == "softmax" else labels).cpu().numpy()
    values = logits.cpu().numpy()
    weights = None if data.weights is None else data.weights.cpu().numpy()
    temperature = validation.fit_temperature(values, classes, activation, weights)
    return validation.negative_log_likelihood(values, classes, activation, temperature, weights)


def _strength_by_folds(
    train: HeadData, val: HeadData | None, whole: _Regression, strengths: Sequence[float]
) -> float:
    """The strength with the least loss of images that took no part in the fit, those of val too."""
    folds, activation = _folds(train.targets), whole.activation
    if val is None and (folds < 0).all():
        return min(strengths, key=lambda strength: abs(math.log(strength / DEFAULT_STRENGTH)))
    parts = [(folds != fold, folds == fold) for fold in range(FOLDS) if (folds == fold).any()]
    fits = [(_Regression(train.rows(kept), activation), train.rows(out)) for kept, out in parts]
    fits += [] if val is None else [(whole, val)]
    totals = dict.fromkeys(strengths, 0.0)
    for regression, held_out in fits:
        path = _fit_path(regression, held_out, strengths)
        worst = max(loss for loss, _ in path)
        losses = {head.strength: loss for loss, head in path}
        for strength in strengths:
            totals[strength] += losses.get(strength, worst) * len(held_out)
    return min(strengths, key=totals.__getitem__)


def _folds(targets: Tensor) -> Tensor:
    """(N,) 0..4 in turn within each set of labels; -1 where a set of labels has one image."""
    _, group = torch.unique(targets, dim=0, return_inverse=True)
    folds = torch.full_like(group, -1)
    for number in range(int(group.max()) + 1 if len(group) else 0):
        rows = (group == number).nonzero()[:, 0]
        if len(rows) > 1:
            folds[rows] = torch.arange(len(rows)) % FOLDS
    return folds


def _losses(
    logits: Tensor, targets: Tensor, activation: OutputActivation, weights: Tensor | None
) -> Tensor:
    """(N,) in nats, float64: cross-entropy, or the sum of the units' binary cross-entropies."""
    if activation == "softmax":
        losses = -(targets * F.log_softmax(logits, dim=1))
    else:
        losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    losses = losses if weights is None else losses * weights
    return losses.sum(dim=1, dtype=torch.float64)


class _Regression:
    """Fits of one set of features, each starting from the one before.

    The penalty makes a weight a sum of the images' features: where there are fewer images than
    features, all is computed in coordinates of the space that the images span.  Weights are
    searched as `W = V R`: with `R` the inverse of the Cholesky factor of the bound of the
    curvature, that bound is the identity for `V`.
    """

    def __init__(self, data: HeadData, activation: OutputActivation) -> None:
        self.activation: OutputActivation = activation
        self._targets, self._weights = data.targets, data.weights
        share = _image_shares(data)
        self._mean = (data.features * share).sum(dim=0, dtype=torch.float64)
        centred = data.features - self._mean.to(data.features)
        self._scale = _scales(centred, share)
        self._features = centred.div_(self._scale.to(centred))
        self._basis: Tensor | None = None
        if len(centred) < centred.shape[1]:
            self._basis = torch.linalg.qr(self._features.T).Q
            self._features = self._features @ self._basis
        self._covariance = ((self._features * share).T @ self._features).double()
        self._weight = centred.new_zeros(data.targets.shape[1], self._features.shape[1])
        self._bias = centred.new_zeros(data.targets.shape[1])

    def fit(self, strength: float) -> tuple[Tensor, Tensor]:
        """Weight (units, D) and bias (units,) for features as they were given."""
        bound = CURVATURE_BOUNDS[self.activation]
        curvature = bound * self._covariance
        curvature.diagonal().add_(strength)
        factor = torch.linalg.cholesky(curvature)
        identity = torch.eye(len(factor), dtype=factor.dtype)
        inverse = torch.linalg.solve_triangular(factor, identity, upper=False).float()
        transposed, bias_factor = inverse.T.contiguous(), bound**-0.5

        def split(point: Tensor) -> tuple[Tensor, Tensor]:
            rows = point.float().view(-1, self._features.shape[1] + 1)
            return rows[:, :-1] @ inverse, rows[:, -1] * bias_factor

        def loss_and_gradient(point: Tensor) -> tuple[float, Tensor]:
            weight, bias = split(point)
            loss, weight_gradient, bias_gradient = self._evaluate(weight, bias, strength)
            columns = [weight_gradient @ transposed, bias_gradient[:, None] * bias_factor]
            return loss, torch.cat(columns, dim=1).double().flatten()

        start = torch.cat([self._weight @ factor.float(), self._bias[:, None] / bias_factor], dim=1)
        found = lbfgs.minimise(
            loss_and_gradient,
            start.double().flatten(),
            relative_tolerance=RELATIVE_TOLERANCE,
            max_iterations=MAX_ITERATIONS,
        )
        self._weight, self._bias = split(found)
        weight = self._weight if self._basis is None else self._weight @ self._basis.T
        weight = weight.double() / self._scale
        return weight.float(), (self._bias.double() - weight @ self._mean).float()

    def _evaluate(
        self, weight: Tensor, bias: Tensor, strength: float
    ) -> tuple[float, Tensor, Tensor]:
        """The penalised mean loss and its gradients."""
        logits = torch.addmm(bias, self._features, weight.T)
        losses = _losses(logits, self._targets, self.activation, self._weights)
        loss = losses.mean() + 0.5 * strength * weight.square().sum(dtype=torch.float64)
        probabilities = logits.softmax(1) if self.activation == "softmax" else logits.sigmoid()
        error = (probabilities - self._targets) / len(logits)
        if self._weights is not None:
            error = error * self._weights
        return loss.item(), error.T @ self._features + strength * weight, error.sum(dim=0)


def _image_shares(data: HeadData) -> Tensor:
    """(N, 1) of each image in the mean loss; they add up to 1."""
    if data.weights is None:
        return data.features.new_full((len(data), 1), 1 / max(1, len(data)))
    weights = data.weights.mean(dim=1, keepdim=True)
    return weights / weights.sum()


def _scales(centred: Tensor, image_shares: Tensor) -> Tensor:
    """(D,) float64 deviations, drawn towards their common mean where images are few."""
    variances = (centred.square() * image_shares).sum(dim=0, dtype=torch.float64)
    share = len(centred) / (len(centred) + SHRINKAGE_IMAGES)
    shrunk = share * variances + (1 - share) * variances.mean()
    return shrunk.sqrt().clamp_min(MIN_SCALE)
