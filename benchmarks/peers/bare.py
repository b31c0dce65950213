"""Decodes and predicts without a server, the limit for every server: MODEL FOLDER SECONDS."""

import sys
import time
from pathlib import Path

import numpy as np

from foveal.images.resize import to_input_pixels
from foveal.prediction.predictor import Predictor

predictor = Predictor(sys.argv[1], threads=1)
network = predictor.manifest.network
images = [path.read_bytes() for path in sorted(Path(sys.argv[2]).glob("*.jpg"))]


def predict_batch(first):
    batch = (images[(first + step) % len(images)] for step in range(8))
    blocks = [to_input_pixels(image, network.input, network.preprocess) for image in batch]
    return len(predictor.probabilities(np.stack(blocks)))


predict_batch(0)
print("ready", flush=True)
sys.stdin.readline()
count, started, seconds = 0, time.perf_counter(), float(sys.argv[3])
while time.perf_counter() - started < seconds:
    count += predict_batch(count)
print(count / (time.perf_counter() - started))
