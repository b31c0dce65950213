"""Decodes and computes without a server, what none can exceed: MODEL FOLDER SECONDS."""

import sys
import time
from pathlib import Path

import numpy as np

from foveal.images.resize import to_input_pixels
from foveal.prediction.predictor import Predictor

predictor = Predictor(sys.argv[1], threads=1)
network = predictor.manifest.network
images = [path.read_bytes() for path in sorted(Path(sys.argv[2]).glob("*.jpg"))]


def answer(first):
    some = (images[(first + step) % len(images)] for step in range(8))
    each = [to_input_pixels(one, network.input, network.preprocess) for one in some]
    return len(predictor.probabilities(np.stack(each)))


answer(0)
print("ready", flush=True)
sys.stdin.readline()
done, began, seconds = 0, time.perf_counter(), float(sys.argv[3])
while time.perf_counter() - began < seconds:
    done += answer(done)
print(done / (time.perf_counter() - began))
