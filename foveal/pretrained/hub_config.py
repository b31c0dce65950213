"""What the `config.json` of timm beside a weights file from the Hugging Face hub says of it.

It tells what the weights cannot show: whether they came from TensorFlow, the pixels' mean and
deviation they were trained with, and how images are resized and cropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from foveal.errors import ModelFileError
from foveal.numbers import is_finite
from foveal.pretrained.mapping import Candidate
from foveal.spec.network import Network
from foveal.spec.preprocess import MIN_CROP_FRACTION, Interpolation
from foveal.text import printable

CONFIG_FILE = "config.json"
_MAX_BYTES = 1 << 20
_FROM_TENSORFLOW = "tf_"


@dataclass(frozen=True)
class HubConfig:
    """naming: `timm` or `timm-tf`.  preprocess: the fields of Preprocess that are said."""

    naming: str
    preprocess: Mapping[str, Any] = field(default_factory=dict)


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
    if not isinstance(details, dict):
        return HubConfig(naming)
    return HubConfig(naming, {**_statistics(details, path), **_resizing(details, path)})


def _statistics(details: Mapping[str, Any], path: Path) -> dict[str, Any]:
    if "mean" not in details:
        return {}
    mean, std = _three(details.get("mean")), _three(details.get("std"))
    if mean is None or std is None or min(std) <= 0:
        raise _invalid(path, "no valid mean and std of three numbers")
    return {"mean": mean, "std": std}


def _resizing(details: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """crop_fraction and interpolation, where they are said."""
    found: dict[str, Any] = {}
    fraction, mode = details.get("crop_pct"), details.get("crop_mode") or "center"
    if mode != "center":
        raise _invalid(path, f"the crop_mode {_short(mode)}, and Foveal has center")
    if fraction is not None:
        if type(fraction) not in (int, float) or not MIN_CROP_FRACTION <= fraction <= 1:
            raise _invalid(
                path, f"the crop_pct {_short(fraction)}, and Foveal has {MIN_CROP_FRACTION} to 1"
            )
        found["crop_fraction"] = float(fraction)
    interpolation = details.get("interpolation")
    if interpolation is not None:
        if interpolation not in get_args(Interpolation):
            names = " and ".join(get_args(Interpolation))
            raise _invalid(
                path, f"the interpolation {_short(interpolation)}, and Foveal has {names}"
            )
        found["interpolation"] = interpolation
    return found


def _short(value: object) -> str:
    return printable(str(value))[:40]


def _invalid(path: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"{path} has {what} in pretrained_cfg; download it again, or move the weights file to a "
        "folder without it"
    )


def with_preprocess(candidate: Candidate, config: HubConfig | None) -> Candidate:
    """The candidate with the preprocessing that timm's configuration states.

    Raises ModelFileError where the network cannot have it.
    """
    if config is None or not config.preprocess:
        return candidate
    data = candidate.network.to_data()
    data["preprocess"] = {**data.get("preprocess", {}), **config.preprocess}
    try:
        return replace(candidate, network=Network.model_validate(data))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ModelFileError(
            f"the {CONFIG_FILE} beside the weights file does not fit the network "
            f"{candidate.preset}: {problem}; move the weights file to a folder without it"
        ) from error


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
    if not all(type(number) in (int, float) and is_finite(number) for number in value):
        return None
    first, second, third = map(float, value)
    return first, second, third
