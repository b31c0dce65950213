"""Other class names in a model file: same weights, thresholds that follow, a seal that holds."""

import numpy as np
import pytest

import foveal
from foveal.model.file import read_manifest, read_model_file
from foveal.model.labels import copy_with_labels, rename_labels
from foveal.model.manifest import Thresholds


def test_a_copy_predicts_the_same_under_other_names(digits_run, new_digits, tmp_path):
    model, out = digits_run / "model.safetensors", tmp_path / "renamed.safetensors"
    copy_with_labels(model, out, {"3": "three", "7": "3", "none": "x"})
    images = sorted(new_digits.rglob("*.png"))[:40]
    before, now = foveal.load(model), foveal.load(out)
    assert now.labels == ("0", "1", "2", "three", "4", "5", "6", "3", "8", "9")
    np.testing.assert_array_equal(now.predict_proba(images), before.predict_proba(images))
    assert read_manifest(out).weights_sha256 == read_manifest(model).weights_sha256
    (old, weights), (new, same) = read_model_file(model), read_model_file(out)
    assert new.model_copy(update={"labels": old.labels}) == old
    for name, value in weights.items():
        np.testing.assert_array_equal(value, same[name])


def test_thresholds_go_with_their_classes(digits_run):
    manifest = read_manifest(digits_run / "model.safetensors")
    thresholds = Thresholds(positive_class="3", operating_point=0.2, per_label={"3": 0.1, "4": 0.9})
    named = rename_labels(manifest.model_copy(update={"thresholds": thresholds}), {"3": "three"})
    assert named.thresholds == Thresholds(
        positive_class="three", operating_point=0.2, per_label={"three": 0.1, "4": 0.9}
    )


def test_two_classes_of_one_name_are_refused(digits_run):
    with pytest.raises(ValueError, match=r"^two classes would have one name$"):
        rename_labels(read_manifest(digits_run / "model.safetensors"), {"3": "4"})
