"""The arguments of `train`, and the recipe and network they name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from foveal.errors import SpecError, UsageError
from foveal.model.architecture import load_network
from foveal.network.presets import load_preset, preset_names
from foveal.pretrained.start import AUTO, SCRATCH
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.values import Task, Value
from foveal.text import did_you_mean

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset
    from foveal.training.device import DeviceName

NETWORK_SECTIONS = ("input", "preprocess")
"""Overrides such as `input.height` are of the network; all others are recipe keys."""
ValueT = TypeVar("ValueT", bound=Value)


@dataclass(frozen=True)
class TrainRequest:
    """The arguments of `train`, as given.

    overrides: recipe keys, `input.*` and `preprocess.*`.  start_from: `auto`, `scratch`, the name
    of a pretrained network or a model file; None: scratch.  size: side of the input in pixels.
    root: the folder of a table's images.  factors: by which values of the recipe that Foveal
    chooses are multiplied.
    """

    data: str | Path | Dataset
    network: str | Path | Network | None
    recipe: str | Path | Mapping[str, Any] | Recipe | None
    overrides: Mapping[str, Any]
    minutes: float | None
    epochs: float | None
    seed: int
    start_from: str | Path | None
    size: int | None
    device: DeviceName
    allow_bad: bool
    ignore_unknown_classes: bool
    root: str | Path | None = None
    factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.minutes is not None and not (0 < self.minutes < math.inf):
            raise UsageError(
                f"minutes is {self.minutes:g}; give a number above 0, such as --minutes 10"
            )
        if self.minutes is not None and self.epochs is not None:
            raise UsageError(
                "give --minutes or --epochs, not both: each fixes the length of the run"
            )
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; give 0 or more")


def load_recipe(request: TrainRequest) -> Recipe:
    """The recipe of a file, a mapping or a value, with the overrides; raises SpecError."""
    given = request.recipe
    if isinstance(given, Recipe):
        recipe = given
    elif isinstance(given, Mapping):
        recipe = with_keys(Recipe(), given)
    elif given is not None:
        recipe = _read_recipe(Path(given))
    else:
        recipe = Recipe()
    keys = {
        key: value
        for key, value in request.overrides.items()
        if key.split(".")[0] not in NETWORK_SECTIONS
    }
    return with_keys(recipe, keys)


def _read_recipe(path: Path) -> Recipe:
    if not path.is_file():
        raise UsageError(f"there is no recipe file {path}; give the path of a YAML file")
    return Recipe.load(path)


def with_keys(value: ValueT, overrides: Mapping[str, Any], prefix: str = "") -> ValueT:
    """`value` with other fields; raises SpecError that lists every wrong key and value."""
    fields = list(type(value).model_fields)
    errors = [_unknown_override(type(value), key, prefix) for key in overrides if key not in fields]
    known = {key: item for key, item in overrides.items() if key in fields}
    try:
        changed = type(value).model_validate(
            {**{name: getattr(value, name) for name in value.model_fields_set}, **known}
        )
    except ValidationError as error:
        errors += [_wrong_override(detail, prefix) for detail in error.errors(include_url=False)]
    if errors:
        raise SpecError(errors)
    return changed


def _unknown_override(model: type[Value], key: str, prefix: str) -> str:
    if key in model.former_names:
        return f"'{prefix}{key}' is now '{prefix}{model.former_names[key]}'"
    fields = list(model.model_fields)
    return (
        f"there is no key '{prefix}{key}'{did_you_mean(key, fields)}; "
        f"allowed are {', '.join(prefix + name for name in fields)}"
    )


def _wrong_override(detail: Any, prefix: str) -> str:
    key = prefix + ".".join(str(part) for part in detail["loc"])
    return f"{key} is {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def requested_network(request: TrainRequest) -> Network | None:
    """The network that was named; None where Foveal has to design one.

    That is where none was named, or a preset, which is fitted to the images as a design is.
    """
    if requested_preset(request) is not None or request.network is None:
        return None
    given = request.network
    return with_overrides(given if isinstance(given, Network) else load_network(given), request)


def with_fitting_output(network: Network, classes: int, task: Task) -> Network:
    """The network with the output function that so many classes need, where its own cannot be."""
    function = network.output.function
    if task == "multi":
        function = "sigmoid"
    elif classes > 2:
        function = "softmax"
    if function == network.output.function:
        return network
    output = network.output.model_copy(update={"function": function})
    return network.model_copy(update={"layers": (*network.layers[:-1], output)})


def requested_preset(request: TrainRequest) -> str | None:
    """The name of the preset that was given as the network."""
    name = request.network
    return name if isinstance(name, str) and name in preset_names() else None


def is_designed(request: TrainRequest) -> bool:
    """Whether Foveal alone chose the network: nothing of it was named."""
    named = request.network is not None or request.size is not None or names_start(request)
    keys = (key.split(".")[0] for key in request.overrides)
    return not named and not set(NETWORK_SECTIONS) & set(keys)


def names_start(request: TrainRequest) -> bool:
    """Whether a pretrained network or a model file was named to start from."""
    return request.start_from not in (None, AUTO, SCRATCH)


def requested_again(request: TrainRequest, network: Network) -> Network:
    """The network that a request to resume names, to be compared with the run's `network`.

    A preset is fitted to the images as the run did; where none is named it is the run's own.
    """
    preset = requested_preset(request)
    if preset is not None:
        layers = (*load_preset(preset, network.input).layers[:-1], network.output)
        network = network.model_copy(update={"layers": layers})
    elif isinstance(request.network, Network):
        network = request.network
    elif request.network is not None:
        network = load_network(request.network)
    return with_overrides(network, request)


def with_overrides(network: Network, request: TrainRequest) -> Network:
    """The network with the requested size, `input.*` and `preprocess.*`."""
    shape = _section_overrides("input", request.overrides)
    if request.size is not None:
        shape = {"height": request.size, "width": request.size, **shape}
    if shape:
        network = network.resized(with_keys(network.input, shape, "input."))
    keys = _section_overrides("preprocess", request.overrides)
    if keys:
        preprocess = with_keys(network.preprocess, keys, "preprocess.")
        network = network.model_copy(update={"preprocess": preprocess})
    return network


def _section_overrides(name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    prefix = name + "."
    return {
        key.removeprefix(prefix): value
        for key, value in overrides.items()
        if key.startswith(prefix)
    }
