"""Every hyper-parameter of training: what it may be, and what Foveal would choose, with the reason.

A run makes the choices that need the pixels or the clock when it starts, and says so in its plan.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import Any

from foveal.errors import MissingExtra
from foveal.progress import Progress
from foveal.spec.messages import describe_schema, field_schema
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.studio.tasks.process import one_at_a_time
from foveal.studio.tasks.tasks import TaskProgress
from foveal.studio.tasks.warm import WarmChild

MEASURED = {
    "epochs": "as many as the minutes allow, timed when training starts",
    "progressive_resizing": "whether images grow depends on the time that is left",
    "ema_decay": "depends on the number of steps",
    "horizontal_flip": "measured on the training images when training starts",
    "test_time_augmentation": "follows horizontal_flip",
    "translate": "measured on the training images when training starts",
    "head_l2": "the most likely labels on val decide",
    "fine_tune": "depends on the time that is left when the output layer is fitted",
}
"""Keys that are chosen when training starts, and on what they depend."""


def recipe_keys() -> list[dict[str, Any]]:
    """Each key of a recipe with its default, its JSON Schema and that in words."""
    return [
        {
            "key": key,
            "default": field.default,
            "schema": field_schema(Recipe, key),
            "allowed": describe_schema(field_schema(Recipe, key)),
        }
        for key, field in Recipe.model_fields.items()
    ]


class Choices:
    """Asks a process of its own, as torch would stay in this one.  For several threads."""

    def __init__(self) -> None:
        self._child, self._working = WarmChild("choices"), threading.Lock()

    def of(
        self,
        network: Network,
        recipe: Recipe,
        progress: TaskProgress,
        **context: int | bool,
    ) -> dict[str, Any]:
        """`choices` as of `expected_choices`; Error for what is a UsageError there."""
        if find_spec("torch") is None:
            raise MissingExtra("choosing hyper-parameters", "train")
        request = {
            "network": network.to_data(),
            "recipe": recipe.model_dump(mode="json", exclude_defaults=True),
            "context": context,
        }
        with one_at_a_time(self._working, progress, "choosing", "waiting for other choices"):
            return self._child.run(request, progress)

    def close(self) -> None:
        """End the process: the studio stops."""
        self._child.close()


def choices_job(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """`expected_choices` for `network`, `recipe` and `context`, in the process of the work."""
    network = Network.model_validate(request["network"])
    recipe = Recipe.model_validate(request["recipe"])
    return {"choices": expected_choices(network, recipe, **request["context"])}


def expected_choices(
    network: Network, recipe: Recipe, *, classes: int, images: int, pretrained: bool
) -> list[dict[str, Any]]:
    """What would be chosen of the keys that `recipe` leaves open: key, value and reason.

    The value is None where only the start of training can tell.  Raises UsageError where the values
    contradict each other.
    """
    from foveal.training.device import has_fast_bf16, select_device
    from foveal.training.setup.chosen import RecipeContext
    from foveal.training.setup.defaults import fill_defaults

    device = select_device("auto")
    context = RecipeContext(
        network,
        images,
        classes,
        None,
        has_fast_bf16(device),
        pretrained=pretrained,
        gpu=device.type == "cuda",
    )
    _, chosen = fill_defaults(recipe, context)
    rows = {
        choice.key: {"key": choice.key, "value": choice.value, "reason": choice.reason}
        for choice in chosen
    }
    for key, reason in MEASURED.items():
        if getattr(recipe, key) in (None, "auto") and (key in rows or _is_open(key, pretrained)):
            rows[key] = {"key": key, "value": None, "reason": reason}
    return list(rows.values())


def _is_open(key: str, pretrained: bool) -> bool:
    """Whether the key is chosen at all."""
    return pretrained or key not in ("head_l2", "fine_tune")
