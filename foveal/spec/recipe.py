"""The Recipe value: every hyper-parameter of training, its unit, range and default.

`None` and `auto` are resolved when training starts (foveal.training.setup.defaults).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from foveal.spec.values import MAX_LAYERS, Fraction, Positive, Probability
from foveal.spec.yaml_value import YamlValue

NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]

FORMER_KEYS = {
    "balance": "class_balance",
    "bias_rate": "bias_lr_scale",
    "clip_norm": "grad_clip_norm",
    "colour": "color_jitter",
    "cool_down": "cooldown",
    "crop": "random_crop",
    "cutmix": "cutmix_alpha",
    "early_stopping": "early_stopping_epochs",
    "ema": "ema_decay",
    "erase": "random_erasing",
    "flip": "horizontal_flip",
    "mixup": "mixup_alpha",
    "progressive": "progressive_resizing",
    "randaugment": "randaugment_magnitude",
    "rotate": "rotation_degrees",
    "shift": "translate",
    "test_average": "test_time_augmentation",
    "warm_up": "warmup",
}


class Recipe(YamlValue):
    """How a network is trained; one epoch shows every training image once.

    None and `auto` are chosen from the data and the network, and printed with the reason.

    Optimisation.  epochs: passes over the training images, fractions allowed.  batch_size:
    images per step.  learning_rate: peak, for the mean loss of a batch.  weight_decay: of
    convolution and dense weights only.  bias_lr_scale: factor of the learning rate for the biases
    of norm layers.  grad_clip_norm: largest norm of a step's gradient; 0: off.  schedule: learning
    rate over the run.  warmup, cooldown: fraction of the run in which the rate rises from zero or
    falls to zero (one_cycle falls from its peak to the end; cooldown applies to trapezoid).
    ema_decay: per step, of the exponential moving average of the weights that becomes the model;
    0: off.

    Loss.  label_smoothing: probability taken from the true class and spread over all classes.
    class_balance: how rare classes are weighted.  dropout: rate of every dropout layer; None keeps
    the network's own.

    Augmentation, each off where its value is `off` or 0.  horizontal_flip: `alternate` mirrors
    every image in every second epoch.  translate: largest shift, fraction of the side.
    random_crop: smallest area of a random crop that is resized to the input; 1: off.
    rotation_degrees: largest angle.  color_jitter: strength of random brightness, contrast and
    saturation.  random_erasing: probability that a random rectangle is filled with the mean.
    mixup_alpha, cutmix_alpha: alpha of the beta distribution, at most 1.  randaugment_magnitude:
    of two random operations per image.

    Transfer, where the weights of another model are the start.  linear_probe: the output layer is
    first fitted, by logistic regression, to the features that the other layers compute; it is the
    first model, and no later one is worse on val.  head_l2: strength of its L2 penalty, for the
    mean loss and standardised features.  head_images: of train, that it is fitted to.  fine_tune:
    whether all layers are trained then.  Layers with weights are counted from the input: the first
    `freeze` are not trained, and layer_decay is the factor of the learning rate for each layer
    towards the input.  freeze_norms: batch norms keep their statistics, and `stochastic_depth` has
    no effect.

    progressive_resizing: fraction of the input's side at which training starts; 1: off.
    precision: `bf16` computes in 16 bits and keeps the weights in 32.  early_stopping_epochs:
    epochs without a better validation accuracy after which training ends.
    test_time_augmentation: `flip` averages the logits of the image and of its mirror image.

    Chosen on validation images when training ends.  abstain_at_accuracy: the model abstains below
    the probability above which its predictions reach this accuracy.  positive_class, min_recall:
    two classes or several labels: the class is predicted from the probability on at which it
    reaches this recall (0.95 where only the class is given).
    """

    former_names: ClassVar[Mapping[str, str]] = FORMER_KEYS

    epochs: Annotated[float, Field(gt=0, le=100_000)] | None = None
    batch_size: Positive | None = None
    optimizer: Literal["auto", "sgd", "adamw", "muon"] = "auto"
    learning_rate: Annotated[float, Field(gt=0, le=1000)] | None = None
    momentum: Fraction | None = None
    weight_decay: NonNegative | None = None
    bias_lr_scale: Annotated[float, Field(gt=0, le=1000)] | None = None
    grad_clip_norm: NonNegative = 0.0
    schedule: Literal["one_cycle", "cosine", "trapezoid", "constant"] = "one_cycle"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.2
    cooldown: Annotated[float, Field(ge=0, le=1)] = 0.5
    ema_decay: Fraction | None = None
    label_smoothing: Fraction = 0.1
    class_balance: Literal["none", "class_weights", "sampling", "focal"] = "none"
    dropout: Fraction | None = None
    horizontal_flip: Literal["auto", "off", "random", "alternate"] = "auto"
    translate: Fraction | None = None
    random_crop: Annotated[float, Field(gt=0, le=1)] | None = None
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] | None = None
    color_jitter: Fraction | None = None
    random_erasing: Probability = 0.0
    mixup_alpha: Probability = 0.0
    cutmix_alpha: Probability = 0.0
    randaugment_magnitude: Annotated[float, Field(ge=0, le=30)] = 0.0
    linear_probe: Literal["auto", "on", "off"] = "auto"
    head_l2: Annotated[float, Field(gt=0, le=1000)] | None = None
    head_images: Count | None = None
    fine_tune: Literal["auto", "on", "off"] = "auto"
    freeze: Annotated[int, Field(ge=0, le=MAX_LAYERS)] | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    freeze_norms: Literal["auto", "on", "off"] = "auto"
    progressive_resizing: Annotated[float, Field(gt=0, le=1)] | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    early_stopping_epochs: Positive | None = None
    test_time_augmentation: Literal["auto", "none", "flip"] = "auto"
    abstain_at_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    positive_class: str | None = None
    min_recall: Annotated[float, Field(gt=0, le=1)] | None = None
