"""The verb: files it writes, images and models it refuses."""

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.errors import Error, ModelFileError, UsageError
from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.spec import layers as L
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


@pytest.fixture
def model() -> Model:
    import torch

    torch.manual_seed(0)
    network = Network(
        input=Input(height=12, width=10, channels=3),
        layers=(L.Conv(4), L.Relu(), L.MaxPool(2), L.Flatten(), L.Output()),
    )
    return Model(network.build(2).eval(), Manifest(network=network, labels=("cat", "dog")))


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)


def test_the_page_and_the_plots_are_written(tmp_path, model, image):
    out, png = tmp_path / "lens.html", tmp_path / "png"
    foveal.explain(model, image, out=out, png=png, lang="ko")
    assert '<html lang="ko">' in out.read_text("utf-8")
    assert {path.name for path in png.iterdir()} == {
        "image.png",
        "cam.png",
        "occlusion.png",
        "integrated_gradients.png",
        "001-normalise.png",
        "002-conv_1.png",
        "003-relu_1.png",
        "004-max_pool_1.png",
    }


def test_an_image_is_a_path_bytes_an_image_or_an_array(tmp_path, model, image):
    file = tmp_path / "one.png"
    Image.fromarray(image).save(file)
    explained = [
        foveal.explain(model, given)
        for given in (file, str(file), file.read_bytes(), Image.fromarray(image), image)
    ]
    assert [one.image_name for one in explained] == ["one.png"] * 2 + ["image"] * 3
    assert {one.probability for one in explained} == {explained[0].probability}
    assert all(np.array_equal(one.pixels, image) for one in explained)


def test_a_model_file_is_loaded(tmp_path, model, image):
    save_model(tmp_path / "model.safetensors", model)
    explanation = foveal.explain(tmp_path / "model.safetensors", image)
    assert explanation.probability == foveal.explain(model, image).probability
    assert explanation.top_images_missing == "no_data_file"


def test_bad_images_are_refused(tmp_path, model):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pytest.raises(Error) as caught:
        foveal.explain(model, bad)
    reason = (
        "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC), but text that "
        "starts with 'no image'"
    )
    assert str(caught.value) == f"the image {bad} cannot be read ({reason}); give another"
    with pytest.raises(Error) as caught:
        foveal.explain(model, b"no image")
    assert str(caught.value) == f"the given image cannot be read ({reason}); give another"


def test_exported_files_are_refused(tmp_path, image):
    exported = tmp_path / "model.onnx"
    exported.write_bytes(b"\x08\x07\x12\x00")
    with pytest.raises(ModelFileError):
        foveal.explain(exported, image)


def test_the_image_and_the_model_are_not_overwritten(tmp_path, model, image):
    file = tmp_path / "one.png"
    Image.fromarray(image).save(file)
    model_file, table = tmp_path / "model.safetensors", tmp_path / "data.csv"
    save_model(model_file, model)
    table.write_text("path,label\n")
    for out, name in ((file, "image"), (model_file, "model"), (table, "data")):
        before = out.read_bytes()
        with pytest.raises(UsageError) as caught:
            foveal.explain(model_file, file, data=table, out=out)
        assert str(caught.value) == (
            f"--out is the {name} itself, {out}, which is never altered; give another name"
        )
        assert out.read_bytes() == before


def test_plots_are_not_written_beside_the_image(tmp_path, model, image):
    file = tmp_path / "image.png"
    Image.fromarray(image).save(file)
    before = file.read_bytes()
    with pytest.raises(UsageError) as caught:
        foveal.explain(model, file, png=tmp_path)
    assert str(caught.value) == (
        f"--png is {tmp_path}, the folder of the image, where a plot could overwrite it; give "
        "another folder"
    )
    assert file.read_bytes() == before


def test_an_output_that_is_not_a_number_is_refused(model, image):
    next(iter(model.module.parameters())).data.fill_(float("nan"))
    with pytest.raises(Error) as caught:
        foveal.explain(model, image)
    assert str(caught.value) == (
        "the model's output is NaN or infinite; train the model again with a smaller learning rate"
    )


def test_a_model_is_a_file_a_model_or_what_load_returned(tmp_path, model, image):
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    explained = [foveal.explain(given, image) for given in (model, path, foveal.load(path))]
    assert len({one.probability for one in explained}) == 1


def test_data_is_a_path_or_a_dataset(tmp_path, model, image):
    for name in ("cat", "dog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "data" / name / "one.png")
    dataset = foveal.Dataset(tmp_path / "data", ("cat/one.png",), (("cat",),))
    for data in (tmp_path / "data", dataset):
        assert foveal.explain(model, image, data=data).top_images is not None


def test_root_is_the_folder_of_the_images_of_data(tmp_path, model, image):
    (tmp_path / "pool").mkdir()
    for number in range(3):
        Image.fromarray(image // (number + 1)).save(tmp_path / "pool" / f"{number}.png")
    table = tmp_path / "t.csv"
    table.write_text("path,label\n" + "".join(f"/old/pool/{n}.png,cat\n" for n in range(3)))
    explained = foveal.explain(model, image, data=table, root=tmp_path / "pool")
    assert explained.top_images is not None
    assert len(explained.top_images.paths) == 3
    with pytest.raises(UsageError) as error:
        foveal.explain(model, image, root=tmp_path)
    assert str(error.value) == (
        "--root is the folder of the images that a table names, but there is no --data; name the "
        "table with --data, or leave --root out"
    )
