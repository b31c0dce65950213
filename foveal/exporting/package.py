"""Puts the manifest into an ONNX file's metadata and seals the whole with SHA-256.

Knows nothing of how the graph was made.
"""

from __future__ import annotations

from foveal.model.manifest import Manifest
from foveal.prediction import onnxfile


def packaged(graph: bytes, manifest: Manifest) -> bytes:
    """The exported file: `graph` (a serialised ONNX model without metadata), manifest, seal."""
    content = graph + onnxfile.entry("foveal", manifest.to_json())
    return content + onnxfile.entry(onnxfile.SEAL, onnxfile.seal(content))
