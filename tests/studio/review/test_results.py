"""The models of a project."""

import os

from foveal.studio.review.results import newest_models


def test_models_come_newest_first(tmp_path):
    assert newest_models(tmp_path) == []
    for name, time in [("a", 10), ("b", 30), ("c", 20)]:
        model = tmp_path / "runs" / name / "model.safetensors"
        model.parent.mkdir(parents=True)
        model.write_bytes(b"")
        os.utime(model, (time, time))
    (tmp_path / "runs" / "d").mkdir()
    assert newest_models(tmp_path) == [
        f"{tmp_path}/runs/{name}/model.safetensors" for name in "bca"
    ]
