"""What the `config.json` of timm beside a weights file from the Hugging Face hub says of it.

It tells what the weights cannot show: whether they came from TensorFlow, and the pixels' mean and
deviation they were trained with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from foveal.errors import ModelFileError
from foveal.pretrained.mapping import Candidate
from foveal.pretrained.naming import Statistics

CONFIG_FILE = "config.json"
_MAX_BYTES = 1 << 20
_FROM_TENSORFLOW = "tf_"


@dataclass(frozen=True)
class HubConfig:
    """naming: `timm` or `timm-tf`.  statistics: of pixels, in units of 0..1; None: not said."""

    naming: str
    statistics: Statistics | None


def read_hub_config(weights: Path) -> HubConfig | None:
    """The configuration beside the weights file; None where there is none, or another program's.

    Raises ModelFileError where it cannot be read or contradicts itself.
    """
    path = weights.parent / CONFIG_FILE
    if not path.is_file():
        return None
    config = _read_json(path)
    architecture = config.get("architecture")
    if not isinstance(architecture, str):
        return None
    naming = "timm-tf" if architecture.startswith(_FROM_TENSORFLOW) else "timm"
    details = config.get("pretrained_cfg")
    if not isinstance(details, dict) or "mean" not in details:
        return HubConfig(naming, None)
    mean, std = _three(details.get("mean")), _three(details.get("std"))
    if mean is None or std is None or min(std) <= 0:
        raise ModelFileError(
            f"{path} has no valid mean and std of three numbers in pretrained_cfg; download it "
            "again, or move the weights file to a folder without it"
        )
    return HubConfig(naming, (mean, std))


def with_statistics(candidate: Candidate, config: HubConfig | None) -> Candidate:
    """The candidate with the mean and deviation that timm's configuration states."""
    if config is None or config.statistics is None:
        return candidate
    mean, std = config.statistics
    preprocess = candidate.network.preprocess.model_copy(update={"mean": mean, "std": std})
    network = candidate.network.model_copy(update={"preprocess": preprocess})
    return replace(candidate, network=network)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        config = json.loads(content) if len(content) <= _MAX_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path) from error
    if not isinstance(config, dict):
        raise _unreadable(path)
    return config


def _unreadable(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} beside the weights file cannot be read as JSON; download it again, or move the "
        "weights file to a folder without it"
    )


def _three(value: Any) -> tuple[float, float, float] | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    if not all(type(number) in (int, float) and isfinite(number) for number in value):
        return None
    first, second, third = map(float, value)
    return first, second, third
