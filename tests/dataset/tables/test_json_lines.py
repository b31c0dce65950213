"""JSON Lines as tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import DataError


def test_json_lines_are_a_table(images):
    root = images("0.png 1.png")
    (root / "t.jsonl").write_text(
        '{"file_name": "0.png", "label": "a", "n": 1}\n\n{"file_name": "1.png", "label": "b"}\n'
    )
    found = open_dataset(root / "t.jsonl")
    assert (found.paths, found.labels) == (("0.png", "1.png"), (("a",), ("b",)))
    assert found.extra_columns == {"n": ("1", "")}
    (root / "t.jsonl").write_text('{"file_name": "0.png", "label": "a"}\n\n[1]\n{\n')
    with pytest.raises(DataError) as error:
        open_dataset(root / "t.jsonl")
    assert str(error.value) == (
        f"{root}/t.jsonl: lines 3, 4 are not a JSON object; write one such as "
        '{"file_name": "1.png", "label": "cat"} a line'
    )


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            ['{"path": "1.png", "label": "a", "x": ' + "[" * 21 + "]" * 21 + "}"],
            'line 1 is not a JSON object; write one such as {"file_name": "1.png", "label": "cat"} '
            "a line",
        ),
        (
            [f'{{"path": "1.png", "label": "a", "{number}": 1}}' for number in range(5_000)],
            "its lines have 5,002 different keys; give all lines the same keys",
        ),
    ],
    ids=["deep", "sparse"],
)
def test_json_lines_that_would_fill_the_memory_are_refused(tmp_path: Path, lines, text):
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == f"{path}: {text}"


def test_json_lines_of_twenty_lists_and_of_some_keys_are_read(tmp_path: Path):
    (tmp_path / "1.png").touch()
    path = tmp_path / "t.jsonl"
    boxes = [[number, [1, 2, 3, 4]] for number in range(30)]
    path.write_text(json.dumps({"path": "1.png", "label": "a", "boxes": boxes}))
    assert open_dataset(path).labels == (("a",),)
