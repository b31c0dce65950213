"""The output layer as a regularised logistic regression on features that stay as they are.

The loss is convex. L-BFGS finds its minimum in coordinates in which an upper
bound of the curvature (Bohning 1992) is the identity, so that a few dozen passes are enough.
Few images say little of each feature's deviation: dividing by it lost up to 20 points of accuracy
with one image a class, so it is drawn towards the mean (docs/design-notes.md has the figures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
PATIENCE = 2
"""Strengths in a row that are worse than the best, after which no weaker one is tried."""
MAX_ITERATIONS = 100
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


@torch.no_grad()
def fit_head(
    train_features: Tensor,
    train_targets: Tensor,
    val_features: Tensor | None = None,
    val_targets: Tensor | None = None,
    *,
    activation: OutputActivation,
    strengths: Sequence[float] | None = None,
) -> FittedHead:
    """Weight and bias of the output layer with which the features are classified best.

    features: (N, D) fp32.  targets: (N, units) in 0..1, as `encode_targets` gives them.
    strengths: of the L2 penalty, to choose from by the loss on val; without val by the loss of
    images that are left out in turn, and where that cannot be done DEFAULT_STRENGTH.
    """
    tried = tuple(sorted(strengths or STRENGTHS, reverse=True))
    if val_features is None or val_targets is None or not len(val_features):
        strength = _strength_by_folds(train_features, train_targets, activation, tried)
        weight, bias = _Regression(train_features, train_targets, activation).fit(strength)
        return FittedHead(weight, bias, strength, train_features.new_empty(0, len(bias)))
    path = _fit_path(
        _Regression(train_features, train_targets, activation), val_features, val_targets, tried
    )
    return min(path, key=lambda step: step[0])[1]


def _fit_path(
    regression: _Regression, features: Tensor, targets: Tensor, strengths: Sequence[float]
) -> list[tuple[float, FittedHead]]:
    """Loss on val and head, from the strongest penalty on, each from the one before."""
    path: list[tuple[float, FittedHead]] = []
    losses: list[float] = []
    for strength in strengths:
        weight, bias = regression.fit(strength)
        logits = features @ weight.T + bias
        losses.append(_calibrated_loss(logits, targets, regression.activation))
        path.append((losses[-1], FittedHead(weight, bias, strength, logits)))
        if len(losses) - losses.index(min(losses)) > PATIENCE:
            break
    return path


def _calibrated_loss(logits: Tensor, targets: Tensor, activation: OutputActivation) -> float:
    """Mean loss at the temperature of these logits: strong penalties make them small, not worse."""
    labels = targets.round().long()
    classes = (labels.argmax(dim=1) if activation == "softmax" else labels).cpu().numpy()
    values = logits.cpu().numpy()
    temperature = validation.fit_temperature(values, classes, activation)
    return validation.negative_log_likelihood(values, classes, activation, temperature)


def _strength_by_folds(
    features: Tensor, targets: Tensor, activation: OutputActivation, strengths: Sequence[float]
) -> float:
    """The strength with the least loss of images that took no part in the fit."""
    if len(strengths) == 1:
        return strengths[0]
    folds = _folds(targets)
    totals = dict.fromkeys(strengths, 0.0)
    for fold in range(FOLDS):
        left_out = folds == fold
        if not left_out.any():
            continue
        regression = _Regression(features[~left_out], targets[~left_out], activation)
        path = _fit_path(regression, features[left_out], targets[left_out], strengths)
        worst = max(loss for loss, _ in path)
        losses = {head.strength: loss for loss, head in path}
        for strength in strengths:
            totals[strength] += losses.get(strength, worst) * int(left_out.sum())
    if (folds < 0).all():
        return min(strengths, key=lambda strength: abs(math.log(strength / DEFAULT_STRENGTH)))
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


def _losses(logits: Tensor, targets: Tensor, activation: OutputActivation) -> Tensor:
    """(N,) in nats, float64: cross-entropy, or the sum of the units' binary cross-entropies."""
    if activation == "softmax":
        return -(targets * F.log_softmax(logits, dim=1)).sum(dim=1, dtype=torch.float64)
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return losses.sum(dim=1, dtype=torch.float64)


class _Regression:
    """Fits of one set of features, each starting from the one before.

    Weights are searched as `W = V R`: with `R` the inverse of the Cholesky factor of the bound of
    the curvature, that bound is the identity for `V`.
    """

    def __init__(self, features: Tensor, targets: Tensor, activation: OutputActivation) -> None:
        self.activation: OutputActivation = activation
        self._targets = targets
        self._mean = features.mean(dim=0, dtype=torch.float64)
        centred = features - self._mean.to(features)
        self._scale = _scales(centred)
        self._features = centred.div_(self._scale.to(features))
        self._covariance = (self._features.T @ self._features).double() / max(1, len(features))
        self._weight = features.new_zeros(targets.shape[1], features.shape[1])
        self._bias = features.new_zeros(targets.shape[1])

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
        weight = self._weight.double() / self._scale
        return weight.float(), (self._bias.double() - weight @ self._mean).float()

    def _evaluate(
        self, weight: Tensor, bias: Tensor, strength: float
    ) -> tuple[float, Tensor, Tensor]:
        """The penalised mean loss and its gradients."""
        logits = torch.addmm(bias, self._features, weight.T)
        loss = _losses(logits, self._targets, self.activation).mean()
        loss += 0.5 * strength * weight.square().sum(dtype=torch.float64)
        probabilities = logits.softmax(1) if self.activation == "softmax" else logits.sigmoid()
        error = (probabilities - self._targets) / len(logits)
        return loss.item(), error.T @ self._features + strength * weight, error.sum(dim=0)


def _scales(centred: Tensor) -> Tensor:
    """(D,) float64 deviations, drawn towards their common mean where images are few."""
    variances = centred.square().mean(dim=0, dtype=torch.float64)
    share = len(centred) / (len(centred) + SHRINKAGE_IMAGES)
    shrunk = share * variances + (1 - share) * variances.mean()
    return shrunk.sqrt().clamp_min(MIN_SCALE)
