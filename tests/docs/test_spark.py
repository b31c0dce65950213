"""The Spark recipe of docs/scale.md runs on a real local Spark and answers as `predict` does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from foveal.verbs.export import export
from foveal.verbs.predict import predict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"


@pytest.mark.spark
@pytest.mark.timeout(900)
def test_the_recipe_answers_as_predict(digits: Path, digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    export(digits_run / "model.safetensors", out=tmp_path / "run" / "model.onnx")
    (tmp_path / "new").mkdir()
    for name, label in (("one.jpg", "3"), ("two.jpg", "8")):
        shutil.copy(sorted((digits / label).iterdir())[0], tmp_path / "new" / name)
    block = re.search(r"```python elsewhere\n(.*?mapInPandas.*?)```", PAGE.read_text(), re.S)
    assert block is not None
    (tmp_path / "recipe.py").write_text(block[1])
    subprocess.run(
        [sys.executable, "recipe.py"],
        cwd=tmp_path,
        env=os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        check=True,
        capture_output=True,
        timeout=800,
    )
    rows = parquet.read_table(tmp_path / "spark-answers").to_pylist()
    found = {row["path"]: (row["label"], row["probability"], row["error"]) for row in rows}
    model = tmp_path / "run" / "model.onnx"
    for name in ("new/one.jpg", "new/two.jpg"):
        (expected,) = predict(model, tmp_path / name)
        assert found[name] == (expected.label, expected.probability, None)
