"""What a verb writes has the right kind of name, and never that of what is there."""

from pathlib import Path

import pytest
from PIL import Image

import foveal
from foveal.errors import UsageError
from foveal.verbs.convolve import convolve
from foveal.verbs.design import design
from foveal.verbs.embed import embed
from foveal.verbs.learn import learn
from foveal.verbs.pack import pack
from foveal.verbs.predict_folder import predict_folder
from foveal.verbs.pretrained import add_pretrained
from foveal.verbs.search import search
from foveal.verbs.show import show

VERBS = {
    "check": (".html", lambda data, image, out: foveal.check(data, report=out)),
    "convolve": (".png", lambda data, image, out: convolve(image, "sobel-x", out=out)),
    "design": (".yaml", lambda data, image, out: design(data, out=out)),
    "evaluate": (".html", lambda data, image, out: foveal.evaluate("m.onnx", data, report=out)),
    "explain": (".html", lambda data, image, out: foveal.explain("m", image, data=data, out=out)),
    "export": (".onnx", lambda data, image, out: foveal.export("m.safetensors", out=out)),
    "learn": (".html", lambda data, image, out: learn(out=out)),
    "pretrained add": (".safetensors", lambda data, image, out: add_pretrained("w.pth", out=out)),
    "show": (".svg", lambda data, image, out: show("lenet5", out=out)),
}

FOLDERS = {
    "explain": ("x.png", lambda data, out: foveal.explain("m", data / "cat" / "one.jpg", png=out)),
    "pack": ("images.tar", lambda data, out: pack(data, out=out)),
    "predict": ("Labels.CSV", lambda data, out: predict_folder("m", data, out)),
    "search": ("best.json", lambda data, out: search(data, trials=1, out=out)),
    "train": ("model.safetensors", lambda data, out: foveal.train(data, out=out)),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("cat/one.jpg", "dog/two.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        Image.new("RGB", (16, 16), "red").save(tmp_path / "data" / name)
    return tmp_path / "data"


@pytest.mark.parametrize("verb", VERBS)
def test_an_image_is_never_the_output(verb, data, tmp_path):
    suffix, write = VERBS[verb]
    image = data / "dog" / "two.jpg"
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "hard.jpg").hardlink_to(data / "dog" / "two.jpg")
    before = image.read_bytes()
    option = "--report" if verb in ("check", "evaluate") else "--out"
    spellings = (data / ".." / "data" / "dog" / "two.jpg", tmp_path / "link" / "dog" / "two.jpg")
    for out in (image, tmp_path / "hard.jpg", *spellings):
        with pytest.raises(UsageError) as caught:
            write(data, data / "cat" / "one.jpg", str(out))
        assert str(caught.value) == (
            f"{option} is {out}, which exists and is no {suffix} file; give a name that ends in "
            f"{suffix}"
        )
    assert image.read_bytes() == before


@pytest.mark.parametrize("verb", FOLDERS)
def test_a_folder_is_not_called_as_a_file(verb, data, tmp_path):
    name, write = FOLDERS[verb]
    option = "--png" if verb == "explain" else "--out"
    with pytest.raises(UsageError) as caught:
        write(data, tmp_path / name)
    assert str(caught.value) == (
        f"{option} is {tmp_path}/{name}, the name of a file, but a folder is written; give the "
        "name of a folder"
    )
    assert not (tmp_path / name).exists()


def test_a_recipe_that_was_not_named_is_kept(data, tmp_path):
    recipe = tmp_path / "network.recipe.yaml"
    recipe.write_text("epochs: 3\n")
    with pytest.raises(UsageError) as caught:
        design(data, out=tmp_path / "network.yaml")
    assert str(caught.value) == (
        f"{recipe}, which is written beside --out {tmp_path}/network.yaml, exists already; give "
        "another name"
    )
    assert recipe.read_text() == "epochs: 3\n"


def test_a_shard_of_the_data_is_no_place_for_vectors(data):
    shard = data / "0.parquet"
    shard.write_bytes(b"images")
    with pytest.raises(UsageError) as caught:
        embed(None, data, out=shard)
    assert str(caught.value) == (
        f"--out is {shard}, a file of what is read, which is never altered; give another name"
    )


def test_a_table_of_paths_that_was_not_named_is_kept(data, tmp_path):
    paths = tmp_path / "vectors.paths.csv"
    paths.write_text("path\n")
    with pytest.raises(UsageError) as caught:
        embed(None, data, out=tmp_path / "vectors.npy")
    assert str(caught.value) == (
        f"{paths}, which is written beside --out {tmp_path}/vectors.npy, exists already; give "
        "another name"
    )


def test_plots_need_a_folder_of_their_own(data, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "image.png").write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        foveal.explain("m", data / "cat" / "one.jpg", png=tmp_path / "plots")
    assert str(caught.value) == (
        f"--png is {tmp_path}/plots, which is not empty; give another folder"
    )
