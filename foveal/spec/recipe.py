"""The Recipe value: every hyper-parameter of training, its unit, range and default.

Knows nothing of torch or of how a value is used; `None` and `auto` are resolved by training.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foveal.spec.values import Fraction, Positive, Value

NonNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Recipe(Value):
    """How a network is trained; one epoch shows every training image once.

    None and `auto` are chosen from the data and the network, and printed with the reason.

    Optimisation.  epochs: passes over the training images, fractions allowed.  batch_size:
    images a step.  learning_rate: peak, for the mean loss of a batch.  weight_decay: pull to
    zero, of convolution and dense weights only.  bias_rate: biases of norm layers learn so many
    times faster.  clip_norm: largest norm of a step's gradient.  schedule: learning rate over
    the run.  warm_up, cool_down: share of the run in which the rate rises from or falls to zero
    (one_cycle falls from its peak to the end; cool_down is for trapezoid).
    ema: the model is an exponential moving average of the weights with this decay a step; 0: off.

    Loss.  label_smoothing: probability taken from the true class and spread over all.
    balance: what is done about rare classes.  dropout: rate of every dropout layer; None leaves
    the network's own.

    Augmentation, each off where its value is `off` or 0.  flip: left and right, `alternate`
    mirrors every image in every second epoch.  shift: largest move, share of the side.
    crop: smallest area of a random crop that is resized to the input; 1: off.
    rotate: degrees.  colour: strength of random brightness, contrast and saturation.
    erase: probability that a random rectangle is greyed.  mixup, cutmix: alpha of the beta
    distribution, at most 1.  randaugment: magnitude of two random operations an image.

    progressive: share of the input's side training starts at; 1: off.  precision: `bf16` computes
    in 16 bits, keeps the weights in 32.  early_stopping: epochs without a better val score after
    which the run ends.  test_average: `flip` answers with the mean over image and mirror image.

    Chosen on val when training ends.  abstain_at_accuracy: the model says it does not know below
    the probability from which so many answers are right.  positive_class, min_recall: two classes
    or several labels: the class is answered from the probability on at which that share of its
    images is found (0.95 where only the class is given).
    """

    epochs: Annotated[float, Field(gt=0, le=100_000)] | None = None
    batch_size: Positive | None = None
    optimizer: Literal["auto", "sgd", "adamw", "muon"] = "auto"
    learning_rate: Annotated[float, Field(gt=0, le=1000)] | None = None
    momentum: Fraction | None = None
    weight_decay: NonNegative | None = None
    bias_rate: Annotated[float, Field(gt=0, le=1000)] | None = None
    clip_norm: NonNegative = 0.0
    schedule: Literal["one_cycle", "cosine", "trapezoid", "constant"] = "one_cycle"
    warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.2
    cool_down: Annotated[float, Field(ge=0, le=1)] = 0.5
    ema: Fraction | None = None
    label_smoothing: Fraction = 0.1
    balance: Literal["none", "class_weights", "sampling", "focal"] = "none"
    dropout: Fraction | None = None
    flip: Literal["auto", "off", "random", "alternate"] = "auto"
    shift: Fraction | None = None
    crop: Annotated[float, Field(gt=0, le=1)] | None = None
    rotate: Annotated[float, Field(ge=0, le=180)] | None = None
    colour: Fraction | None = None
    erase: Probability = 0.0
    mixup: Probability = 0.0
    cutmix: Probability = 0.0
    randaugment: Annotated[float, Field(ge=0, le=30)] = 0.0
    progressive: Annotated[float, Field(gt=0, le=1)] | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    early_stopping: Positive | None = None
    test_average: Literal["auto", "none", "flip"] = "auto"
    abstain_at_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    positive_class: str | None = None
    min_recall: Annotated[float, Field(gt=0, le=1)] | None = None
