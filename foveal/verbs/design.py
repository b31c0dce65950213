"""Design: from labelled images and a budget to a network and recipe with reasons.

Joins facts and design; trains nothing and imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from foveal import processor
from foveal.dataset.open import open_dataset
from foveal.dataset.stats import compute_stats
from foveal.errors import UsageError
from foveal.files import write_atomic
from foveal.network.design import Design
from foveal.network.design import design_network as designed
from foveal.spec import yaml

__all__ = ["Design", "design", "network_yaml", "recipe_name", "recipe_yaml"]


def design(
    data: str | Path, *, minutes: float | None = None, out: str | Path | None = None
) -> Design:
    """A network and recipe for the training images of `data` and a budget (None: 10 minutes).

    out: the YAML file for the network; the recipe goes beside it as NAME.recipe.yaml.
    Raises DataError where the images cannot be used, UsageError for a budget of nothing.
    """
    if minutes is not None and not minutes > 0:
        raise UsageError(f"minutes received {minutes:g}; give a number above 0")
    found = compute_stats(open_dataset(data))
    made = designed(found, minutes, multiply_adds_per_second=processor.training_speed())
    if out is not None:
        write_atomic(Path(out), network_yaml(made))
        write_atomic(recipe_name(Path(out)), recipe_yaml(made))
    return made


def recipe_name(out: Path) -> Path:
    """Where the recipe of a network file stands."""
    return out.with_name(f"{out.stem}.recipe.yaml")


def network_yaml(made: Design) -> str:
    """The network as YAML, the reasons before it as comments."""
    reasons = [reason for reason in made.reasons if not reason.startswith("recipe.")]
    return _commented(reasons) + yaml.dump_yaml(made.network.to_data())


def recipe_yaml(made: Design) -> str:
    """The recipe as YAML; what is not in it is chosen when training starts."""
    reasons = [
        reason.removeprefix("recipe.") for reason in made.reasons if reason.startswith("recipe.")
    ]
    rest = "keys that are not here are chosen when training starts, and printed with the reason"
    values = made.recipe.model_dump(mode="json", exclude_none=True)
    return _commented([*reasons, rest]) + yaml.dump_yaml(values)


def _commented(reasons: list[str]) -> str:
    return "".join(f"# {reason}\n" for reason in reasons)
