"""The explanation as a value and as the page's data: exactness, size, what is said when missing."""

import base64
import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import foveal
from foveal.errors import Error, ModelFileError, UsageError
from foveal.explanation import top_activations
from foveal.explanation.activations import outputs, record_activations
from foveal.explanation.explain import Explanation, explain, places
from foveal.explanation.lens import data as page
from foveal.explanation.shift import measure_shifts
from foveal.model.model import load_model, save_model
from foveal.network.presets import load_preset
from foveal.pages import render
from foveal.prediction.prediction import make_prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import silent
from foveal.rundir import RunData, RunImage, write_run_data
from foveal.spec import layers as L
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

verb = importlib.import_module("foveal.verbs.explain")


@pytest.fixture(autouse=True)
def _cheap_checks(monkeypatch):
    """Fewer random orders: what the checks find is tested in test_attribution."""
    monkeypatch.setattr("foveal.explanation.explain.HUGE", 0)


@pytest.fixture
def explained(some, image) -> Explanation:
    return foveal.explain(some, image)


def floats(packed: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed), "<f4")


def test_it_says_what_predict_says(some, image, explained):
    said = next(iter(Predictor(some).predict([image])))
    assert (explained.label, explained.probability) == (said.label, said.probability)
    data = page.data(explained)
    assert (data["label"], data["probability"]) == (said.label, said.probability)
    assert data["layers"][-1]["name"] == "output"


def test_packed_maps_are_the_forward_pass_bit_for_bit(some, image, explained):
    given = torch.from_numpy(image).permute(2, 0, 1)[None]
    data = page.data(explained)
    names = {layer["name"] for layer in data["layers"][2:]}
    with torch.no_grad():
        _, kept = outputs(some.module, given, names)
    for layer in data["layers"][2:]:
        want = kept[layer["name"]][0, layer["maps"]].numpy().ravel()
        assert np.array_equal(floats(layer["values"]), want), layer["name"]
    pixels = np.frombuffer(base64.b64decode(data["layers"][0]["values"]), np.uint8)
    assert np.array_equal(pixels, image.transpose(2, 0, 1).ravel())


def test_values_for_python(some, image, explained):
    assert explained.maps["output"].shape == (len(explained.activations.logits),)
    weight = some.module.get_parameter("conv_1.weight").detach().numpy()
    assert np.array_equal(explained.filters["conv_1"], weight)
    for name, share in explained.shares.items():
        assert np.abs(share).sum() == pytest.approx(100), name
    assert explained.attribution("occlusion").values.shape == image.shape[:2]
    with pytest.raises(UsageError) as caught:
        explained.attribution("oclusion")
    assert str(caught.value) == (
        "there is no map 'oclusion' (did you mean 'occlusion'?); there are "
        "['cam', 'integrated_gradients', 'occlusion']"
    )
    html = explained._repr_html_()
    assert html.count("<img") == 3
    assert explained.label in html


def test_it_is_the_same_twice(some, image, explained):
    again = foveal.explain(some, image)
    assert json.dumps(page.data(again)) == json.dumps(page.data(explained))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("conv_11", "the network has no layer 'conv_11' (did you mean 'conv_1'?); "
         "`foveal show MODEL` lists them"),
        ("output", "the layer 'output' has no maps any more, so it shows no places; take one of "),
    ],
)  # fmt: skip
def test_a_layer_that_is_not_there(some, image, layer, text):
    with pytest.raises(UsageError) as caught:
        foveal.explain(some, image, layer=layer)
    assert str(caught.value).startswith(text)


def test_an_asked_layer_is_taken(some, image):
    name = places(foveal.explain(some, image).activations)[0].name
    one = foveal.explain(some, image, layer=name).attribution("cam")
    assert (one.layer, one.variant) == (name, "layer_cam")


def bare(network: Network, pixels: np.ndarray, models) -> Explanation:
    """An explanation without decisive pixels, which take long on large networks."""
    model = models(network)
    given = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    recording = record_activations(model.module, network, 3, "single", given, 0)
    said = make_prediction(Predictor(model).probabilities(pixels[None])[0], model.manifest, "x", 5)
    return Explanation(
        str(said.label), float(said.probability or 0), said, "x", model, pixels, 0, recording,
        tuple(measure_shifts(model.module, recording)), (), None, "no_account",
    )  # fmt: skip


def model_of(network: Network):
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model

    labels = ("a", "b", "c")
    return Model(network.build(3).eval(), Manifest(network=network, labels=labels))


@pytest.mark.parametrize(
    "network",
    [
        load_preset("resnet18"),
        Network(
            input=Input(height=300, width=240),
            layers=(
                L.Conv(48, kernel=1),
                L.Relu(),
                L.Conv(64, kernel=1),
                L.Relu(),
                L.GlobalAvgPool(),
                L.Output(),
            ),
        ),
    ],
    ids=["resnet18", "wide"],
)
def test_large_networks_fit_into_15_mb_and_the_page_says_what_is_left_out(network):
    pixels = np.random.default_rng(0).integers(0, 256, network.input.shape, np.uint8)
    explained = bare(network, pixels, model_of)
    data = page.data(explained)
    assert len(render("lens", data, "en").encode()) <= 15_000_000
    assert data["sampled"]["maps"] < data["sampled"]["of"]
    known = {node.name for node in explained.activations.nodes}
    assert {layer["name"] for layer in data["layers"]} == known


def test_excitement_is_the_largest_answer_of_each_filter(some):
    random = np.random.default_rng(0)
    shape = some.manifest.network.input.shape
    images = random.integers(0, 256, (23, *shape), np.uint8)
    batches = [images[:9], images[9:18], images[18:]]
    found = top_activations.scan(some.module, ["conv_1"], batches)["conv_1"]
    with torch.no_grad():
        _, kept = outputs(some.module, torch.from_numpy(images).permute(0, 3, 1, 2), {"conv_1"})
    answers = kept["conv_1"].flatten(2)
    best = answers.max(2).values
    order = best.argsort(0, descending=True)[: top_activations.SHOWN]
    assert np.array_equal(found.images, order.numpy())
    assert np.allclose(found.values, best.gather(0, order).numpy(), atol=1e-6)
    assert np.array_equal(found.cells[0], [int(answers[order[0, c], c].argmax())
                                           for c in range(answers.shape[1])])  # fmt: skip


def test_a_scan_is_kept_and_a_damaged_one_is_not_believed(tmp_path):
    peaks = {
        "conv_1": top_activations.TopActivations(
            np.ones((2, 3), np.float32), np.zeros((2, 3), int), np.zeros((2, 3), int)
        )
    }
    file = tmp_path / "kept" / "peaks.npz"
    top_activations.keep(file, peaks)
    assert np.array_equal(top_activations.kept(file, ["conv_1"])["conv_1"].values, np.ones((2, 3)))
    assert top_activations.kept(file, ["conv_2"]) is None
    file.write_bytes(file.read_bytes()[:40])
    assert top_activations.kept(file, ["conv_1"]) is None


def run_folder(tmp_path, some) -> tuple:
    """A model file with its data.json, as a run leaves them."""
    from foveal.dataset.scan.image_stats import content_hash

    random = np.random.default_rng(1)
    height, width, channels = some.manifest.network.input.shape
    images = []
    for number in range(6):
        file = tmp_path / "images" / "a" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (height, width, channels), np.uint8)
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(file)
        images.append(RunImage(f"a/{number}.png", ("a",), content_hash(file.read_bytes())))
    run = tmp_path / "run"
    run.mkdir()
    save_model(run / "model.safetensors", some)
    write_run_data(run, RunData(tmp_path / "images", train=tuple(images)))
    return run / "model.safetensors", tmp_path / "images" / "a" / "0.png"


def test_training_images_are_found_beside_the_model_and_checked(tmp_path, some):
    model, image = run_folder(tmp_path, some)
    done = foveal.explain(model, image)
    assert done.top_images.paths == tuple(f"a/{n}.png" for n in range(6))
    data = page.data(done)["excite"]
    assert data["scanned"] == 6
    boxes = next(iter(next(iter(data["filters"].values())).values()))
    assert len(boxes) == top_activations.SHOWN
    opened = load_model(model)

    def excited(data=None):
        return verb._excited(model, opened, data, silent)

    again, _ = excited()  # from the cache
    assert all(
        np.array_equal(again.peaks[name].values, peaks.values)
        for name, peaks in done.top_images.peaks.items()
    )
    (tmp_path / "images" / "a" / "1.png").write_bytes(b"another image")
    assert "a/1.png" not in excited()[0].paths
    assert len(excited(tmp_path / "images")[0].paths) == 6
    for file in (tmp_path / "images" / "a").iterdir():
        file.rename(file.with_suffix(".away"))
    assert excited() == (None, "gone")
    (model.parent / "data.json").write_text("[]")
    with pytest.raises(Error) as caught:
        excited()
    assert str(caught.value) == (
        f"{model.parent / 'data.json'} cannot be read as the data of a run (its format is not 2); "
        "name labelled images with --data"
    )
    (model.parent / "data.json").unlink()
    assert excited() == (None, "no_account")


def test_files_are_written(tmp_path, some, image):
    out, png = tmp_path / "lens.html", tmp_path / "png"
    done = foveal.explain(some, image, out=out, png=png, lang="ko")
    assert '<html lang="ko">' in out.read_text("utf-8")
    names = {file.name for file in png.iterdir()}
    assert {"image.png", "cam.png", "occlusion.png", "integrated_gradients.png"} <= names
    maps = [node for node in done.activations.nodes[1:] if len(node.shape) == 3]
    assert len(names) == 4 + len(maps)
    with Image.open(png / "occlusion.png") as drawn:
        assert max(drawn.size) >= 224


def test_bad_images_and_exported_files(tmp_path, some):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pytest.raises(Error) as caught:
        foveal.explain(some, bad)
    said = str(caught.value)
    assert said.startswith(f"the image {bad} cannot be read (")
    assert said.endswith("); give another")
    exported = tmp_path / "model.onnx"
    exported.write_bytes(b"\x08\x07\x12\x00")
    with pytest.raises(ModelFileError):
        foveal.explain(exported, bad)


def test_an_answer_that_is_not_a_number_has_no_reason(some, image):
    next(iter(some.module.parameters())).data.fill_(float("nan"))
    with pytest.raises(Error) as caught:
        foveal.explain(some, image)
    assert str(caught.value) == (
        "the network's answer is not a number; train it again with a smaller learning rate"
    )


def test_multi_label(some, image):
    manifest = some.manifest
    if manifest.network.output.function == "softmax":
        return
    network = manifest.network
    module = network.build(3, task="multi").eval()
    labels = ("a", "b", "c")
    model = replace(some, module=module, manifest=manifest.model_copy(
        update={"task": "multi", "labels": labels}))  # fmt: skip
    done = explain(model, image, next(iter(Predictor(model).predict([image]))), name="x")
    data = page.data(done)
    assert data["task"] == "multi"
    assert data["layers"][-1]["shape"] == [3]
