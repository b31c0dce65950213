"""Design: a network and a recipe for labelled images and a budget, with reasons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foveal import processor
from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.stats import Stats, compute_stats
from foveal.doctor.readable import find_unreadable
from foveal.errors import UsageError
from foveal.files import YAML, refuse_overwriting, refuse_overwriting_beside, write_atomic
from foveal.network.design import Design, design_network
from foveal.network.provenance import designed_comment
from foveal.pretrained.design import design_pretrained
from foveal.pretrained.start import (
    AUTO,
    SCRATCH,
    choose_start,
    installed_names,
    start_network,
)
from foveal.progress import Progress, silent
from foveal.spec.network import Network
from foveal.spec.yaml import dump_yaml
from foveal.training.setup.data import divide_data, leave_out_unreadable


def design(
    data: str | Path | Dataset,
    *,
    root: str | Path | None = None,
    minutes: float | None = None,
    start_from: str | Path = "auto",
    out: str | Path | None = None,
    allow_bad: bool = False,
    ignore_unknown_classes: bool = False,
    progress: Progress = silent,
) -> Design:
    """A network and recipe for the training images of `data` and a budget (None: 10 minutes).

    root: the folder of a table's images.  out: the YAML file for the network; the recipe goes
    beside it as NAME.recipe.yaml.  start_from, allow_bad, ignore_unknown_classes: as train takes
    them.
    Raises DataError where train would, UsageError for a budget that is not positive.
    """
    if minutes is not None and not minutes > 0:
        raise UsageError(f"minutes received {minutes:g}; give a number above 0")
    refuse_overwriting(out, {"the data": data, "the model": start_from}, suffixes=YAML)
    if out is not None:
        refuse_overwriting_beside(Path(out), recipe_path(Path(out)))
    network = None if start_from in (AUTO, SCRATCH) else start_network(start_from)
    divided = divide_data(
        open_dataset(data, root=root),
        ignore_unknown=ignore_unknown_classes,
        allow_bad=allow_bad,
        progress=progress,
    )
    unreadable = find_unreadable(divided.dataset, divided.splits, progress)
    divided = leave_out_unreadable(divided, unreadable)
    stats = compute_stats(divided.dataset, divided.rows("train"))
    for warning in (*divided.warnings, *stats.pixels.warnings):
        progress.message(f"warning: {warning}")
    result = _designed(stats, minutes, str(start_from), network)
    if out is not None:
        write_atomic(Path(out), network_yaml(result))
        write_atomic(recipe_path(Path(out)), recipe_yaml(result))
    return result


def _designed(
    stats: Stats, minutes: float | None, start_from: str, network: Network | None
) -> Design:
    speeds = processor.transfer_speeds()
    reason: tuple[str, ...] = ()
    if start_from == AUTO:
        start = choose_start(stats, minutes, installed_names(), speeds[0])
        reason = (start.reason,)
        if start.name is not None:
            start_from, network = start.name, start_network(start.name)
    if network is None:
        speed = processor.training_speed()
        result = design_network(stats, minutes, multiply_adds_per_second=speed)
    else:
        result = design_pretrained(stats, minutes, network, start_from, speeds=speeds)
    return replace(result, reasons=(*reason, *result.reasons))


def recipe_path(out: Path) -> Path:
    """The path of the recipe that belongs to a network file."""
    return out.with_name(f"{out.stem}.recipe.yaml")


def network_yaml(result: Design) -> str:
    """The network as YAML after its reasons as comments."""
    reasons = [reason for reason in result.reasons if not reason.startswith("recipe.")]
    head = _comments(reasons) + designed_comment(result.network)
    return head + dump_yaml(result.network.to_data())


def recipe_yaml(result: Design) -> str:
    """The recipe as YAML; training chooses the keys it does not have."""
    reasons = [
        reason.removeprefix("recipe.") for reason in result.reasons if reason.startswith("recipe.")
    ]
    rest = "missing keys are chosen when training starts, and printed with the reason"
    values = result.recipe.model_dump(mode="json", exclude_none=True)
    return _comments([*reasons, rest]) + dump_yaml(values)


def _comments(reasons: list[str]) -> str:
    return "".join(f"# {reason}\n" for reason in reasons)
