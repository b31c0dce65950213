"""Exported files: ONNX in fp32 or int8, and the gate they pass only when they agree."""
