"""The demo: every verb on the digits of scikit-learn."""

import pytest

from foveal.cli.demo import _format_demo
from foveal.errors import DataError
from foveal.verbs import demo as verb
from foveal.verbs.demo import demo


def test_every_verb_runs_and_a_second_demo_takes_the_next_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "EPOCHS", {"digits": 1})
    result = demo(out=tmp_path)
    assert result.images == 1797
    assert result.run_folder == tmp_path / "digits" / "run-1"
    for path in (result.model_path, result.report_path, result.lens_path, result.example):
        assert path.is_file()
    low, high = result.test_interval
    assert 0.5 < low <= result.test_accuracy <= high
    assert result.test_images == 252
    assert verb._unused_folder(tmp_path / "digits") == tmp_path / "digits" / "run-2"
    lines = _format_demo(result).splitlines()
    assert lines[0] == (f"images         1797 in {tmp_path}/digits/images, one sub-folder a class")
    assert lines[2].startswith(f"test accuracy  {result.test_accuracy:.4f} (95 % interval ")
    assert lines[2].endswith(", n=252)")


def test_a_set_that_is_not_installed_is_one_sentence(tmp_path, monkeypatch):
    from foveal.dataset import samples

    monkeypatch.setattr(samples, "FASHION_FOLDER", tmp_path / "nowhere")
    with pytest.raises(DataError) as caught:
        demo("fashion-mnist", out=tmp_path)
    assert str(caught.value) == (
        f"no Fashion-MNIST under {tmp_path}/nowhere: install Debian's package "
        "dataset-fashion-mnist, or run  foveal demo --data digits"
    )
