"""LiteRT (formerly TFLite): one .tflite file, converted in a process of its own and checked."""
