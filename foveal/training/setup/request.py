"""What was asked for becomes values: recipe, network, data, first weights.

Knows nothing of the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from torch import Tensor

from foveal.dataset.dataset import Dataset
from foveal.errors import DataError, SpecError, UsageError
from foveal.model.architecture import load_network as read_network
from foveal.network.presets import load_preset, preset_names
from foveal.progress import Progress
from foveal.spec import yaml
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.values import Value
from foveal.text import nearest
from foveal.training.setup import data as preparing
from foveal.training.setup.data import TrainingData

OTHER = ("input", "preprocess")
V = TypeVar("V", bound=Value)


@dataclass(frozen=True)
class RequestedData:
    """Labelled images, the split of each, and the classes that are learned."""

    dataset: Dataset
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    warnings: tuple[str, ...]
    allow_bad: bool = False


def recipe(
    given: str | Path | Mapping[str, Any] | Recipe | None, settings: Mapping[str, Any]
) -> Recipe:
    """The recipe of a file, a mapping or a value, with `--set` over it; raises SpecError."""
    if isinstance(given, Recipe):
        found = given
    elif isinstance(given, Mapping):
        found = changed(Recipe(), given)
    elif given is not None:
        found = _recipe_file(Path(given))
    else:
        found = Recipe()
    own = {key: value for key, value in settings.items() if key.split(".")[0] not in OTHER}
    return changed(found, own)


def _recipe_file(path: Path) -> Recipe:
    if not path.is_file():
        raise UsageError(f"there is no recipe file {path}; give the path of a YAML file")
    return yaml.load_yaml(path, Recipe)


def changed(value: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with other values; raises SpecError that lists every wrong key and value."""
    return _changed(value, settings)


def _changed(value: V, settings: Mapping[str, Any], prefix: str = "") -> V:
    known = list(type(value).model_fields)
    wrong = [_unknown_key(type(value), key, prefix) for key in settings if key not in known]
    kept = {name: getattr(value, name) for name in known}
    try:
        made = type(value).model_validate(
            {**kept, **{key: item for key, item in settings.items() if key in known}}
        )
    except ValidationError as error:
        wrong += [_sentence(prefix, mistake) for mistake in error.errors(include_url=False)]
    if wrong:
        raise SpecError(wrong)
    return made


def _unknown_key(model: type[Value], key: str, prefix: str) -> str:
    if key in model.former_names:
        return f"'{prefix}{key}' is now '{prefix}{model.former_names[key]}'"
    known = list(model.model_fields)
    return (
        f"there is no key '{prefix}{key}'{nearest(key, known)}; "
        f"allowed are {', '.join(prefix + name for name in known)}"
    )


def _sentence(prefix: str, mistake: Any) -> str:
    key = prefix + ".".join(str(part) for part in mistake["loc"])
    return f"{key} is {mistake['input']!r}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"


def data(
    given: str | Path, *, allow_bad: bool, ignore_unknown: bool, progress: Progress
) -> RequestedData:
    """The listing of DATA, its splits and classes; raises DataError."""
    from foveal.dataset.open import open_dataset as read
    from foveal.dataset.split import assign_splits

    found = read(given)
    if not found.paths:
        raise DataError(f"{given} holds no labelled image; give one sub-folder of images a class")
    splits = tuple(assign_splits(found, progress=progress))
    names, warnings = preparing.classes(found, splits, ignore_unknown=ignore_unknown)
    return RequestedData(found, splits, names, (*found.notes, *warnings), allow_bad)


def network(
    given: str | Path | Network | None,
    start_from: str | Path | None,
    size: int | None,
    settings: Mapping[str, Any],
) -> Network | None:
    """The network that was named, or of the model that is started from; None: to be designed."""
    if given is None:
        given = start_from
    if given is None:
        return None
    found = given if isinstance(given, Network) else read_network(given)
    return sized(found, size, settings)


def preset_name(given: str | Path | Network | None) -> str | None:
    """The preset that was named: it is placed on the images, as a design is."""
    return given if isinstance(given, str) and given in preset_names() else None


def placed(given: str | Path | Network | None, kept: Network) -> str | Path | Network:
    """What a resumed run names as its network, a preset as this run placed it on its images."""
    name = preset_name(given)
    if name is None:
        return kept if given is None else given
    layers = (*load_preset(name, kept.input).layers[:-1], kept.output)
    return kept.model_copy(update={"layers": layers})


def sized(found: Network, size: int | None, settings: Mapping[str, Any]) -> Network:
    """The network with another `--size` and the `input.*` and `preprocess.*` of `--set`."""
    asked = _under("input", settings)
    if size is not None:
        asked = {"height": size, "width": size, **asked}
    if asked:
        found = found.resized(_changed(found.input, asked, "input."))
    rule = _under("preprocess", settings)
    if rule:
        changed_rule = _changed(found.preprocess, rule, "preprocess.")
        found = found.model_copy(update={"preprocess": changed_rule})
    return found


def _under(part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    head = part + "."
    return {
        key.removeprefix(head): value for key, value in settings.items() if key.startswith(head)
    }


def prepared(data: RequestedData, network: Network, progress: Progress) -> TrainingData:
    """Decoded train and val of `data` for `network`; raises DataError when too many are bad."""
    found = preparing.prepare(
        data.dataset, data.splits, data.classes, network.input, network.preprocess, progress,
        data.warnings,
    )  # fmt: skip
    unusable = found.run_data.unusable
    bad, total = len(unusable), len(unusable) + len(found.train) + len(found.val)
    if bad > 0.05 * total and not data.allow_bad:
        path, reason = unusable[0]
        raise DataError(
            f"{bad} of {total} images of train and val cannot be used, the first is {path}: "
            f"{reason}; see foveal check, or leave them out with --allow-bad"
        )
    return found


def source(start_from: str | Path | None) -> Mapping[str, Tensor] | None:
    """The weights of a model file to start from."""
    if start_from is None:
        return None
    from foveal.model.model import load_model

    return load_model(start_from).module.state_dict()
