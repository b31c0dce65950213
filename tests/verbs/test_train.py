"""The verb train: what it takes, writes, refuses and reports."""

import json
import os
import shutil
import subprocess
import sys
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.errors import DataError, SpecError, UsageError
from foveal.network.presets import preset_names
from foveal.spec.recipe import Recipe
from foveal.verbs import train as verb
from foveal.verbs.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


ELSEWHERE = """
import os, sys
import foveal
os.umask(int(sys.argv[4], 8))
sys.modules["sklearn"] = None  # training needs no scikit-learn
foveal.train(sys.argv[1], network=sys.argv[2], epochs=1, out=sys.argv[3], device="cpu")
"""


def test_the_process_around_it_changes_no_bit(digits, tiny_network, tmp_path):
    """Another order of sets, language, time zone and umask, and no home folder."""
    usual = {**os.environ, "OMP_NUM_THREADS": "1"}
    other = {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "HOME": "/nowhere", "PYTHONUTF8": "0"}
    environments = [(usual | {"PYTHONHASHSEED": "1"}, "022")]
    environments.append((usual | other | {"PYTHONHASHSEED": "2"}, "077"))
    contents = []
    for number, (environment, mask) in enumerate(environments):
        run = tmp_path / f"run-{number}"
        words = [str(digits), str(tiny_network), str(run), mask]
        environment |= {"FOVEAL_CACHE": str(tmp_path / f"cache-{number}")}
        subprocess.run([sys.executable, "-c", ELSEWHERE, *words], check=True, env=environment)
        contents.append((run / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]


def test_a_used_folder_is_refused(digits, tiny_network, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").touch()
    with pytest.raises(UsageError) as caught:
        train(digits, network=tiny_network, epochs=1, out=tmp_path / "run")
    assert str(caught.value) == (
        f"{tmp_path}/run is not empty; give another folder with --out, or continue its run with "
        "--resume"
    )


def test_a_folder_that_another_run_has_used_meanwhile_is_refused(
    digits, tiny_network, tmp_path, monkeypatch
):
    """The other one begins and ends between the look at the folder and its lock."""
    folder, real = tmp_path / "run", verb.lock_run_folder

    def lock(folder):
        folder.mkdir()
        (folder / "data.json").write_text("of the other run")
        return real(folder)

    monkeypatch.setattr(verb, "lock_run_folder", lock)
    with pytest.raises(UsageError) as caught:
        train(digits, network=tiny_network, epochs=1, out=folder)
    assert str(caught.value) == (
        f"{folder} is not empty; give another folder with --out, or continue its run with --resume"
    )
    assert (folder / "data.json").read_text() == "of the other run"


@pytest.mark.parametrize(
    ("keys", "kind", "words"),
    [
        (
            {"minutes": 1, "epochs": 1},
            UsageError,
            "give --minutes or --epochs, not both: each fixes the length of the run",
        ),
        ({"seed": -1}, UsageError, "seed is -1; give 0 or more"),
        (
            {"overrides": {"batchsize": 3}},
            SpecError,
            "there is no key 'batchsize' (did you mean 'batch_size'?); allowed are "
            f"{', '.join(Recipe.model_fields)}",
        ),
        ({"overrides": {"warm_up": 0.1}}, SpecError, "'warm_up' is now 'warmup'"),
        ({"recipe": {"flip": "off"}}, SpecError, "'flip' is now 'horizontal_flip'"),
        (
            {"overrides": {"learning_rate": -1.0}},
            SpecError,
            "learning_rate is -1.0: input should be greater than 0",
        ),
        (
            {"overrides": {"preprocess.fit": "x"}},
            SpecError,
            "preprocess.fit is 'x': input should be 'crop', 'pad' or 'squash'",
        ),
        (
            {"network": "swft-s"},
            UsageError,
            "there is no network 'swft-s' (did you mean 'swift-s'?); give a YAML file, a model "
            f"file, or one of the presets {', '.join(preset_names())}",
        ),
        (
            {"recipe": "/nowhere.yaml"},
            UsageError,
            "there is no recipe file /nowhere.yaml; give the path of a YAML file",
        ),
        (
            {"track": ("wandb",)},
            UsageError,
            "there is no tracker 'wandb'; allowed are tensorboard, mlflow, steps",
        ),
    ],
    ids=str,
)
def test_mistakes_are_one_sentence(digits, tiny_network, tmp_path, keys, kind, words):
    given = {"network": tiny_network, "out": tmp_path / "run", **keys}
    if "minutes" not in given:
        given.setdefault("epochs", 1)
    with pytest.raises(kind) as caught:
        train(digits, **given)
    assert str(caught.value) == words


def _image(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def small(tmp_path):
    """Two classes with splits of their own; val has a class that train lacks."""
    root = tmp_path / "small"
    for split, names in {"train": "ab", "val": "abc", "test": "ab"}.items():
        for name in names:
            for number in range(12):
                seed = crc32(f"{split} {name} {number}".encode())
                _image(root / split / name / f"{number}.png", seed)
    return root


def test_a_class_that_train_lacks(small, tiny_network, tmp_path):
    with pytest.raises(DataError) as caught:
        train(small, network=tiny_network, epochs=1, out=tmp_path / "run")
    assert str(caught.value) == (
        "class 'c' is in val or test but not in train: add images of them to train, or leave "
        "them out with --ignore-unknown-classes"
    )
    run = train(
        small, network=tiny_network, epochs=1, out=tmp_path / "two", ignore_unknown_classes=True
    )
    run_data = json.loads((tmp_path / "two" / "data.json").read_text())
    assert run_data["classes"] == ["a", "b"]
    assert run_data["counts"] == {"train": 24, "val": 24, "test": 24}
    assert run.val_images == 24


def test_images_that_cannot_be_read_are_left_out_and_named(small, tiny_network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    (small / "train" / "a" / "3.png").write_bytes(b"not an image")
    train(small, network=tiny_network, epochs=1, out=tmp_path / "run")
    run_data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert [line["path"] for line in run_data["unusable"]] == ["train/a/3.png"]
    for number in range(4, 7):
        (small / "train" / "a" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(small, network=tiny_network, epochs=1, out=tmp_path / "two")
    assert str(caught.value) == (
        "4 of 48 images of train and val cannot be used, more than 5 %; the first is "
        "train/a/3.png: not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, "
        "HEIC), but text that starts with 'not an image'; replace or delete them, or leave them "
        "out with --allow-bad"
    )
    train(small, network=tiny_network, epochs=1, out=tmp_path / "two", resume=True, allow_bad=True)


def test_duplicates_across_a_given_split_are_a_warning(small, tiny_network, tmp_path, messages):
    shutil.rmtree(small / "val" / "c")
    shutil.copy(small / "train" / "a" / "0.png", small / "val" / "a" / "0.png")
    train(small, network=tiny_network, epochs=1, out=tmp_path / "run", progress=messages)
    assert (
        "warning: 1 of the 24 val images are in train too, so validation accuracy is too high; "
        "the first pair is val/a/0.png and train/a/0.png"
    ) in messages.texts


def test_several_labels_an_image(digits, tiny_network, tmp_path):
    rows = ["path,label"]
    for path in sorted(digits.rglob("*.png")):
        number = int(path.parent.name)
        labels = [name for name, there in [("even", number % 2 == 0), ("big", number > 4)] if there]
        if labels:
            rows.append(f"{path},{'|'.join(labels)}")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows) + "\n")
    tiny_network.write_text(tiny_network.read_text().replace("softmax", "sigmoid"))
    run = train(table, network=tiny_network, epochs=3, out=tmp_path / "run")
    assert run.val_accuracy > 0.5


def test_two_classes_and_one_unit(small, tiny_network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    tiny_network.write_text(tiny_network.read_text().replace("softmax", "sigmoid"))
    run = train(small, network=tiny_network, epochs=2, out=tmp_path / "run")
    assert run.model_path.is_file()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_trackers(digits, tiny_network, tmp_path, name):
    pytest.importorskip(name)
    script = (
        "import sys; from foveal.verbs.train import train\n"
        "train(sys.argv[1], network=sys.argv[2], epochs=2, out=sys.argv[3], track=(sys.argv[4],))"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1", "FOVEAL_CACHE": os.environ["FOVEAL_CACHE"]}
    done = subprocess.run(
        [sys.executable, "-c", script, str(digits), str(tiny_network), str(tmp_path / "run"), name],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    wanted = {"tensorboard": "events.out", "mlflow": "val_accuracy"}[name]
    assert any(wanted in path.name for path in written)


def test_a_budget_of_nothing_is_refused(digits, tmp_path):
    with pytest.raises(UsageError) as caught:
        train(digits, minutes=0, out=tmp_path / "run")
    assert str(caught.value) == "minutes is 0; give a number above 0, such as --minutes 10"
    assert not (tmp_path / "run").exists()


def test_a_run_in_attributes(digits, tiny_network, tmp_path):
    run = train(digits, network=tiny_network, epochs=2, out=tmp_path / "run")
    assert run.folder == tmp_path / "run"
    assert (run.model_path, run.report_path) == (
        tmp_path / "run" / "model.safetensors",
        tmp_path / "run" / "report.html",
    )
    assert run.epochs == 2.0
    assert 0 <= run.val_accuracy <= 1
    assert run.val_loss > 0
    assert run.val_images == 51
    assert run.best_epoch in (1, 2)
    assert [line["epoch"] for line in run.history] == [1, 2]
    assert '"nearest_training":{"searched":' in run.report_path.read_text().replace(": ", ":")


def test_a_dataset_a_mapping_and_a_recipe_are_taken(digits, tiny_network, tmp_path):
    models = []
    for name, data, recipe in (
        ("a", open_dataset(digits), {"batch_size": 64}),
        ("b", digits, Recipe(batch_size=64)),
        ("c", str(digits), None),
    ):
        overrides = {} if recipe else {"batch_size": 64}
        run = train(
            data,
            network=tiny_network,
            recipe=recipe,
            overrides=overrides,
            epochs=1,
            out=tmp_path / name,
        )
        models.append(run.model_path.read_bytes())
    assert models[0] == models[1] == models[2]


def test_without_val_there_is_no_score(tiny_network, tmp_path):
    for split in ("train", "test"):
        for number in range(8):  # four a class: too few for Foveal to make a val
            seed = crc32(f"{split} {number}".encode())
            _image(tmp_path / "few" / split / "ab"[number % 2] / f"{number}.png", seed)
    run = train(tmp_path / "few", network=tiny_network, epochs=1, out=tmp_path / "run")
    assert run.val_images == 0
    assert (run.val_accuracy, run.val_loss, run.report_path) == (None, None, None)
