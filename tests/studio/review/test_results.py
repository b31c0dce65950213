"""Results beside a project, and its models."""

import os

import pytest

from foveal.studio.review.results import newest_models, read_result


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


@pytest.mark.parametrize(
    ("content", "wanted"), [(b'{"a": 1}', {"a": 1}), (b"[1]", None), (b"{", None), (b"\xff", None)]
)
def test_a_damaged_result_is_none(tmp_path, content, wanted):
    (tmp_path / "r").write_bytes(content)
    assert read_result(tmp_path / "r") == wanted
    assert read_result(tmp_path / "none") is None
