"""fastai as its documentation has a newcomer do it: from_folder and a resnet18 learner."""

import sys
import time

START = time.perf_counter()
from fastai.vision.all import (  # noqa: E402
    Callback,
    ImageDataLoaders,
    accuracy,
    resnet18,
    set_seed,
    vision_learner,
)

folder, seed = sys.argv[1], int(sys.argv[2])
set_seed(seed)


class Told(Callback):
    def after_epoch(self):
        print("accuracy", time.perf_counter() - START, self.recorder.values[-1][-1], flush=True)


if __name__ == "__main__":
    data = ImageDataLoaders.from_folder(folder, train="train", valid="test")
    learner = vision_learner(data, resnet18, pretrained=False, metrics=accuracy, cbs=Told())
    learner.fit_one_cycle(8)
    learner.save("model")
