"""Exported files: ONNX in fp32 or int8, written only if they pass the parity check."""
