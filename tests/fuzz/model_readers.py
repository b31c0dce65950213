"""Model files, exported files and weights of elsewhere, and a prediction of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from samples import LABELS, NETWORK, encoded, pixels


def tiny_model(labels: tuple[str, ...] = LABELS) -> Any:
    import torch

    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.spec.network import Network
    from foveal.spec.yaml import parse_yaml

    network = parse_yaml(NETWORK, Network)
    torch.manual_seed(0)
    manifest = Manifest(
        network=network,
        labels=labels,
        temperature=1.3,
        recipe={"epochs": 3.0, "mixup_alpha": 0.2},
        data={"train": 40, "fingerprint": "ab"},
        history=({"epoch": 1, "val_accuracy": 0.5, "seconds": 1.0},),
        versions={"torch": "2"},
        weights={"name": "tiny", "source": "https://x", "licence": "MIT", "sha256": "5" * 64},
    )
    return Model(network.build(len(labels)).eval(), manifest, np.arange(9, dtype=np.uint64))


def write_model(folder: Path) -> None:
    from foveal.model.model import save_model

    save_model(folder / "model.safetensors", tiny_model())


def use_model(path: Path) -> None:
    """What the verbs do with a model: its values, and predictions of images."""
    from foveal.prediction.predictor import Predictor

    predictor = Predictor(path, threads=1)
    images = [encoded(0), pixels(1), b"no image"]
    for prediction in predictor.predict(images, top=None):
        json.dumps(prediction.to_data(), allow_nan=False)
    json.dumps(predictor.manifest.model_dump(mode="json"))
    predictor.manifest.to_json()


def read_model(path: Path) -> None:
    from foveal.model.architecture import load_network
    from foveal.verbs.show import show, weights_origin

    weights_origin(path)
    show(path, out=path.parent.parent / "out" / "drawn.svg")
    load_network(path)
    use_model(path)


def write_onnx(folder: Path) -> None:
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph

    model = tiny_model()
    content = export_graph(model).SerializeToString(deterministic=True)
    (folder / "model.onnx").write_bytes(seal_graph(content, model.manifest))


def write_page(folder: Path) -> None:
    import base64

    from foveal.prediction.page_file import _MODEL_START, GENERATOR

    write_onnx(folder)
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").unlink()
    page = b"<!doctype html><html><head>" + GENERATOR + b"></head><body>\n" + _MODEL_START
    page += base64.b64encode(content) + b"</script><p>words</p></body></html>"
    (folder / "model.html").write_bytes(page)


def write_litert(folder: Path) -> None:
    source = Path(__file__).resolve().parents[1] / "data" / "litert" / "model.tflite"
    (folder / "model.tflite").write_bytes(source.read_bytes())


# Weights of others


def _small_weights() -> dict[str, Any]:
    return dict(tiny_model().module.state_dict())


def write_torch(folder: Path) -> None:
    import torch

    (folder / "network.yaml").write_text(NETWORK)
    (folder / "labels.txt").write_text("\n".join(LABELS))
    torch.save({"state_dict": _small_weights(), "epoch": 3}, folder / "weights.pth")


def write_foreign(folder: Path) -> None:
    from safetensors.torch import save_file

    (folder / "network.yaml").write_text(NETWORK)
    (folder / "labels.txt").write_text("\n".join(LABELS))
    save_file(_small_weights(), folder / "weights.safetensors", {"format": "pt"})
    config = {"architecture": "tf_x", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3]}}
    config["pretrained_cfg"] |= {"std": [1, 1, 1], "crop_pct": 0.9, "interpolation": "bicubic"}  # type: ignore[operator]
    (folder / "config.json").write_text(json.dumps(config))


def read_weights_file(path: Path) -> None:
    from foveal.verbs.pretrained import add_pretrained

    folder = path.parent
    added = add_pretrained(
        path,
        network=str(folder / "network.yaml"),
        labels=folder / "labels.txt",
        out=folder.parent / "out" / "model.safetensors",
    )
    use_model(added.path)
