"""Puts the manifest into an ONNX file's metadata and seals the whole with SHA-256.

Knows nothing of how the graph was made.
"""

from __future__ import annotations

from foveal.model.manifest import Manifest
from foveal.prediction import onnx_verify


def seal_graph(graph: bytes, manifest: Manifest) -> bytes:
    """The exported file: `graph` (a serialised ONNX model without metadata), manifest, seal."""
    content = graph + onnx_verify.encode_metadata("foveal", manifest.to_json())
    return content + onnx_verify.encode_metadata(
        onnx_verify.SEAL_KEY, onnx_verify.content_sha256(content)
    )
