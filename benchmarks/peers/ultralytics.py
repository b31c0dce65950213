"""Ultralytics as its documentation has a newcomer do it: a classification model from scratch."""

import sys
import time

START = time.perf_counter()
from ultralytics import YOLO  # noqa: E402

folder, seed = sys.argv[1], int(sys.argv[2])


def told(trainer):
    share = trainer.metrics.get("metrics/accuracy_top1")
    print("accuracy", time.perf_counter() - START, share, flush=True)


if __name__ == "__main__":
    model = YOLO("yolo11n-cls.yaml")
    model.add_callback("on_fit_epoch_end", told)
    model.train(data=folder, epochs=100, imgsz=64, device="cpu", seed=seed, verbose=False)
