"""The split that a folder's name says."""

from __future__ import annotations

import pytest

from foveal.dataset.folders.split_folders import is_neutral, split_of_folder


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", "train TRAIN Training training_set Training-Set TrainSet seg_train train.images"),
        ("train", "train2017 x_train 1.Training train_augmented ILSVRC2012_img_train 학습데이터"),
        ("train", "훈련 训练集 trainval entraînement traning"),
        (
            "val",
            "val VALID validation Validation_Set seg_val dev dev-set eval images_val 검증용 vaild",
        ),
        ("test", "test Testing test1 test_set seg_test images_test imgs.test holdout hold-out_set"),
        ("test", "held_out Test_Data 테스트 测试集"),
        (None, "cat trains training_wheels test_tube_rack contest validated_by train_val_test"),
        (None, "a 1 data images fold1 intest devil evaluate_me 기차"),
    ],
)
def test_names_of_splits(split: str | None, names: str) -> None:
    assert {name: split_of_folder(name) for name in names.split()} == dict.fromkeys(
        names.split(), split
    )


def test_neutral_names() -> None:
    assert all(map(is_neutral, ("images", "Data", "my_dataset", "IMAGES 2", "raw-data", "이미지")))
    assert not any(map(is_neutral, ("cat", "a", "1", "train", "train_images", "PetImages", "raw")))
