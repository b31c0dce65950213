"""Writes the manifest into the metadata of an ONNX file, and the SHA-256 of all its other bytes."""

from __future__ import annotations

from foveal.model.manifest import Manifest
from foveal.prediction import onnx_verify


def seal_graph(graph: bytes, manifest: Manifest) -> bytes:
    """The bytes of an exported file; `graph` is a serialised onnx.ModelProto without metadata."""
    content = graph + onnx_verify.encode_metadata("foveal", manifest.to_json())
    digest = onnx_verify.content_sha256(content)
    return content + onnx_verify.encode_metadata(onnx_verify.SEAL_KEY, digest)
