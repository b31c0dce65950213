"""fastai as its documentation has a newcomer do it: from_folder and a resnet18 learner.

Larger images are resized to 128 and not to the documented 224, which would take it three times
as long.
"""

import sys
import time

START = time.perf_counter()
from fastai.vision.all import (  # noqa: E402
    Callback,
    ImageDataLoaders,
    PILImage,
    Resize,
    accuracy,
    get_image_files,
    resnet18,
    set_seed,
    vision_learner,
)

folder, seed = sys.argv[1], int(sys.argv[2])
set_seed(seed)


class Told(Callback):
    order = 60  # after the recorder

    def after_epoch(self):
        print("accuracy", time.perf_counter() - START, self.recorder.values[-1][-1], flush=True)


if __name__ == "__main__":
    large = PILImage.create(get_image_files(folder)[0]).size[0] > 64
    options = {"item_tfms": Resize(128)} if large else {}
    data = ImageDataLoaders.from_folder(folder, train="train", valid="test", **options)
    learner = vision_learner(
        data, resnet18, pretrained=False, metrics=accuracy, cbs=Told(), path="."
    )
    learner.fit_one_cycle(8)
    learner.save("model")
