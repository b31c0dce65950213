"""fastai's transfer as its documentation has it: Resize(224), vision_learner, fine_tune."""

import sys
import time

START = time.perf_counter()
from fastai.vision.all import (  # noqa: E402
    Callback,
    ImageDataLoaders,
    Learner,
    Normalize,
    Resize,
    accuracy,
    default_split,
    set_seed,
    vision_learner,
)
from lite0 import lite0  # noqa: E402

folder, seed = sys.argv[1], int(sys.argv[2])
set_seed(seed)


class Told(Callback):
    order = 60  # after the recorder

    def after_epoch(self):
        print("accuracy", time.perf_counter() - START, self.recorder.values[-1][-1], flush=True)


def filled_learner(data) -> Learner:
    """The learner of a timm name, whose body is then given the packaged weights."""
    learner = vision_learner(
        data,
        "tf_efficientnet_lite0",
        pretrained=False,
        normalize=False,
        splitter=default_split,
        metrics=accuracy,
        cbs=Told(),
        path=".",
    )
    learner.model[0].model.load_state_dict(lite0(0).state_dict())
    return learner


if __name__ == "__main__":
    data = ImageDataLoaders.from_folder(
        folder,
        train="train",
        valid="test",
        item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats([127 / 255] * 3, [128 / 255] * 3),
    )
    learner = filled_learner(data)
    learner.fine_tune(4)
    learner.save("model")
