"""Keras 3 as its documentation has a newcomer do it: image_dataset_from_directory and a convnet.

Small images: the "Simple MNIST convnet" example at their own size. Larger ones: the network of
TensorFlow's "Image classification" tutorial with its augmentation, at its 180 pixels.
"""

import sys
import time
from pathlib import Path

START = time.perf_counter()
import keras  # noqa: E402
from keras import layers  # noqa: E402

folder, seed = sys.argv[1], int(sys.argv[2])
keras.utils.set_random_seed(seed)
first = next(path for path in sorted(Path(folder, "train").rglob("*.*")))
small = keras.utils.load_img(first).size[0] <= 64
side = keras.utils.load_img(first).size[::-1] if small else (180, 180)
load = keras.utils.image_dataset_from_directory
options = {"image_size": side, "batch_size": 128 if small else 32, "label_mode": "categorical"}
train = load(f"{folder}/train", seed=seed, **options)
test = load(f"{folder}/test", shuffle=False, **options)
classes = len(train.class_names)
if small:
    body = [
        layers.Rescaling(1 / 255),
        layers.Conv2D(32, kernel_size=3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, kernel_size=3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
    ]
else:
    body = [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.Rescaling(1 / 255),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]
model = keras.Sequential([*body, layers.Dense(classes, activation="softmax")])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])


class Told(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        share = self.model.evaluate(test, verbose=0)[1]
        print("accuracy", time.perf_counter() - START, share, flush=True)


model.fit(train, epochs=15, callbacks=[Told()], verbose=0)
model.save("model.keras")
