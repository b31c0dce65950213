"""Networks, recipes and search spaces in YAML, and class names."""

from __future__ import annotations

import json
from pathlib import Path

from samples import LABELS, NETWORK, RECIPE, SPACE


def write_yaml(folder: Path) -> None:
    (folder / "network.yaml").write_text(NETWORK)


def read_network(path: Path) -> None:
    from foveal.spec.network import Network
    from foveal.studio.network import TrainingSize, check_network
    from foveal.verbs.show import show

    summary = show(path, out=path.parent.parent / "out" / "drawn.svg")
    json.dumps(summary.to_data())
    text = path.read_bytes().decode("utf-8", "replace")
    json.dumps(check_network(text, TrainingSize(4)))
    if not summary.errors:
        Network.load(path).to_pytorch(4)


def write_recipe(folder: Path) -> None:
    (folder / "recipe.yaml").write_text(RECIPE)


def read_recipe(path: Path) -> None:
    from foveal.spec.recipe import Recipe
    from foveal.spec.yaml import dump_yaml

    dump_yaml(Recipe.load(path).to_data())


def write_space(folder: Path) -> None:
    (folder / "space.yaml").write_text(SPACE)


def read_search_space(path: Path) -> None:
    from foveal.scale.search.space import read_space

    read_space(path)


def write_labels(folder: Path) -> None:
    (folder / "labels.txt").write_text("\n".join(LABELS))


def read_labels_file(path: Path) -> None:
    from foveal.pretrained.labels import read_labels

    read_labels(path)
