"""The line that trains the best trial again: what is in it, and that it does so."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from foveal.cli import main
from foveal.scale.search.command import Source, train_command
from foveal.verbs.search import search


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source("images", None, "scratch"), ["images"]),
        (Source(Path("my images.csv"), "a b", "scratch"), ["my images.csv", "--root", "a b"]),
        (Source("images", None, "old.safetensors"), ["images", "--from", "old.safetensors"]),
    ],
)
def test_words(source: Source, words: list[str]) -> None:
    rest = ["--network", "b/network.yaml", "--recipe", "b/recipe.yaml", "--seed", "7"]
    command = train_command(Path("b"), source, 7)
    assert shlex.split(command) == ["foveal", "train", *words, *rest]


def test_the_pretrained_network_that_was_chosen_is_named(digits_run: Path, tmp_path: Path) -> None:
    from foveal.model.file import read_model_file, write_model_file

    manifest, tensors = read_model_file(digits_run / "model.safetensors")
    source = Source("images", None, "auto")
    write_model_file(tmp_path / "model.safetensors", manifest, tensors)
    assert "--from" not in train_command(tmp_path, source, 0)
    changed = manifest.model_copy(update={"weights": {"name": "efficientnet-lite0"}})
    write_model_file(tmp_path / "model.safetensors", changed, tensors)
    assert "--from efficientnet-lite0 --network" in train_command(tmp_path, source, 0)


def test_the_line_trains_the_same_network_by_the_same_recipe(
    digits: Path, tiny_network: Path, tmp_path: Path
) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(f"network: [{tiny_network}]\nlearning_rate: [0.05, 0.1]\n")
    lengths = {"trials": 2, "trial_minutes": 0.02}
    result = search(
        digits, space=space, out=tmp_path / "out", start_from="scratch", seed=3, **lengths
    )
    _, *words = shlex.split(result.command)
    assert words[-2:] == ["--seed", "3"]
    assert main.run([*words, "--out", str(tmp_path / "again")]) == 0
    for name in ("network.yaml", "recipe.yaml"):
        found, wanted = (
            [line.partition("#")[0].rstrip() for line in (folder / name).read_text().splitlines()]
            for folder in (tmp_path / "again", tmp_path / "out" / "best")
        )
        assert [line for line in found if line] == [line for line in wanted if line]
