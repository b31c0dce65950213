"""What was asked of a run, as it lies in its folder, and the command line and Python of it.

request.json, the table of images and the network stand in the folder before the process starts, so
that it can be started again from them alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foveal.errors import DataError
from foveal.files import read_at_most
from foveal.spec.network import Network
from foveal.spec.yaml import parse_yaml
from foveal.studio.kept import parse_json, write_into_folder
from foveal.studio.repeat import repeat
from foveal.training.setup.request import TrainRequest, load_recipe

REQUEST_FILE, RUN_LOG = "request.json", "run.log"
TABLE_FILE, REQUESTED_NETWORK = "images.jsonl", "requested-network.yaml"
MAX_REQUEST_BYTES = 1 << 20


class RunRequest(BaseModel):
    """How a run is trained; None and `auto` are chosen by Foveal.

    network: YAML.  recipe: keys of a recipe, `input.*` and `preprocess.*`.  asked: what the process
    is asked to do when it has stopped: `pause` stays stopped, `restart` goes on with this request,
    `finish` ends training with the length that it has then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = ""
    created: float = 0.0
    network: str | None = None
    start_from: str = "auto"
    minutes: float | None = None
    epochs: float | None = None
    recipe: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    size: int | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    asked: Literal["", "pause", "restart", "finish"] = ""


def check_request(request: RunRequest) -> None:
    """Raise UsageError with the words of `foveal train` where a value is wrong."""
    train = TrainRequest(
        data="",
        network=None,
        recipe=None,
        overrides=request.recipe,
        minutes=request.minutes,
        epochs=request.epochs,
        seed=request.seed,
        start_from=request.start_from,
        size=request.size,
        device=request.device,
        allow_bad=False,
        ignore_unknown_classes=False,
    )
    load_recipe(train)
    if request.network is not None:
        parse_yaml(request.network, Network, "network")


def write_request(folder: Path, request: RunRequest) -> None:
    """Write request.json and the network into the run's folder."""
    if request.network is not None:
        write_into_folder(folder / REQUESTED_NETWORK, request.network)
    data = request.model_dump(mode="json", exclude={"network"})
    write_into_folder(folder / REQUEST_FILE, json.dumps(data, ensure_ascii=False, indent=1))


def read_request(folder: Path) -> RunRequest:
    """What was asked of the run in `folder`; raises DataError where that cannot be read."""
    path = folder / REQUEST_FILE
    try:
        data, network = parse_json(_read(path)), folder / REQUESTED_NETWORK
        if not isinstance(data, dict):
            raise TypeError("no object")
        text = _read(network).decode("utf-8") if network.is_file() else None
        return RunRequest.model_validate({**data, "network": text})
    except (OSError, ValueError, TypeError, RecursionError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise DataError(f"{path} cannot be read as a run's request ({reason})") from error


def _read(path: Path) -> bytes:
    content = read_at_most(path, MAX_REQUEST_BYTES)
    if len(content) > MAX_REQUEST_BYTES:
        raise ValueError(f"it has more than {MAX_REQUEST_BYTES:,} bytes")
    return content


def train_arguments(folder: Path, request: RunRequest) -> list[str]:
    """The words after `foveal` that start the run in its folder, or continue it."""
    words = [*_words(folder, request), "--out", str(folder)]
    return [*words, "--track", "steps", "--resume"]  # without a checkpoint --resume starts


def repeat_training(folder: Path, request: RunRequest) -> dict[str, str]:
    """`command` and `python` that train the same in a new folder."""
    new = f"{folder.name}-again"
    arguments = ", ".join([*_arguments(folder, request), f"out={new!r}"])
    return repeat(
        [*_words(folder, request), "--out", new],
        f"run = foveal.train({arguments})\nprint(run.val_accuracy)",
    )


def _words(folder: Path, request: RunRequest) -> list[str]:
    words = ["train", str(folder / TABLE_FILE)]
    for option, value in _options(folder, request).items():
        words += [f"--{option}", str(value)]
    for key, value in request.recipe.items():
        words += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    return words


def _options(folder: Path, request: RunRequest) -> Mapping[str, Any]:
    """Options that differ from the command's defaults."""
    options = {
        "network": folder / REQUESTED_NETWORK if request.network is not None else None,
        "from": request.start_from if request.start_from != "auto" else None,
        "size": request.size,
        "minutes": _short(request.minutes),
        "epochs": _short(request.epochs),
        "seed": request.seed or None,
        "device": request.device if request.device != "auto" else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.10g}"


def _arguments(folder: Path, request: RunRequest) -> list[str]:
    """The same options as those of `foveal.train`."""
    names = {"from": "start_from"}
    arguments = [repr(str(folder / TABLE_FILE))]
    for option, value in _options(folder, request).items():
        number = option in ("minutes", "epochs", "size", "seed")
        text = str(value) if number else repr(str(value))
        arguments.append(f"{names.get(option, option)}={text}")
    if request.recipe:
        arguments.append(f"overrides={request.recipe!r}")
    return arguments
