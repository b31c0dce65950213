"""Show: what a network is and costs, and what is wrong with it, before anything is built."""

from __future__ import annotations

from pathlib import Path

from foveal.files import refuse_overwriting, write_atomic
from foveal.model.architecture import load_network
from foveal.model.detect import NATIVE_SUFFIX
from foveal.model.file import read_manifest
from foveal.network.presets import preset_names
from foveal.network.provenance import file_source
from foveal.network.summary import (
    NetworkSummary,
    network_hyperparameters,
    recipe_hyperparameters,
    summarise,
)
from foveal.network.svg import render_svg
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.text import printable

DEFAULT_BATCH_SIZE = 64


def show(
    network: str | Path | Network,
    *,
    input: Input | None = None,
    classes: int | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    out: str | Path | None = None,
) -> NetworkSummary:
    """The summary of a preset, YAML file, model file or Network; `out`: also draw it as SVG.

    classes None: those of the model file, else 10 (2 for sigmoid). batch_size: images the memory
    is given for. Raises SpecError for a YAML file with mistakes; a network that reads but cannot
    work has `errors` in its summary.
    """
    refuse_overwriting(out, {"the network": network}, suffixes=(".svg",))
    value = _load(network, input)
    manifest = None
    if not isinstance(network, Network) and Path(network).suffix == NATIVE_SUFFIX:
        manifest = read_manifest(Path(network))
        classes = classes or len(manifest.labels)
    summary = summarise(
        value,
        value.class_count(classes),
        manifest.task if manifest else "single",
        batch_size=batch_size,
        hyperparameters=(
            *network_hyperparameters(
                value, _source(network), size_source="you" if input is not None else None
            ),
            *recipe_hyperparameters(manifest.recipe if manifest else {}),
        ),
    )
    if out is not None:
        write_atomic(Path(out), render_svg(value, summary.traced, summary.classes))
    return summary


def weights_origin(network: str | Path) -> str | None:
    """Where the weights of a model file were learned, and their licence; None: in Foveal."""
    if Path(network).suffix != NATIVE_SUFFIX:
        return None
    weights = read_manifest(Path(network)).weights
    if not weights:
        return None
    name, source = weights.get("name", "not named"), weights.get("source", "not recorded")
    return (
        f"weights learned elsewhere: {printable(name)}, source {printable(source)}, licence "
        f"{printable(weights.get('licence', 'not recorded'))}"
    )


def _load(network: str | Path | Network, size: Input | None) -> Network:
    if not isinstance(network, Network):
        return load_network(network, size)
    return network if size is None else network.resized(size)


def _source(network: str | Path | Network) -> str:
    """Who set what a network states."""
    if isinstance(network, Network):
        return "you"
    if str(network) in preset_names():
        return f"preset {network}"
    if Path(network).suffix == NATIVE_SUFFIX:
        return "model file"
    return file_source(Path(network), load_network(network))
