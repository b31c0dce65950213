"""The sealed file holds the graph, the manifest and the SHA-256 of both."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx

from foveal.exporting.onnx import export_graph
from foveal.exporting.seal import seal_graph
from foveal.model.model import load_model


def test_graph_manifest_and_hash(digits_run: Path) -> None:
    model = load_model(digits_run / "model.safetensors")
    graph = export_graph(model).SerializeToString(deterministic=True)
    content = seal_graph(graph, model.manifest)
    assert content.startswith(graph)
    metadata = {item.key: item.value for item in onnx.load_from_string(content).metadata_props}
    assert metadata.keys() == {"foveal", "foveal_seal"}
    assert metadata["foveal"] == model.manifest.to_json()
    seal = metadata["foveal_seal"]
    entry = content[content.rindex(b"foveal_seal") - 4 :]
    assert seal == hashlib.sha256(content[: -len(entry)]).hexdigest()
