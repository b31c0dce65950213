"""ONNX, LiteRT, one web page or plain PyTorch, written only if they pass the parity check."""
