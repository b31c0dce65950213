"""Keras 3 as its documentation has a newcomer do it: image_dataset_from_directory and a convnet."""

import sys
import time

START = time.perf_counter()
import keras  # noqa: E402

folder, seed = sys.argv[1], int(sys.argv[2])
keras.utils.set_random_seed(seed)
load = keras.utils.image_dataset_from_directory
train = load(f"{folder}/train", batch_size=128, label_mode="categorical", seed=seed)
test = load(f"{folder}/test", batch_size=128, label_mode="categorical", shuffle=False)
classes = len(train.class_names)
model = keras.Sequential(
    [
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(32, kernel_size=3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, kernel_size=3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(classes, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])


class Told(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        share = self.model.evaluate(test, verbose=0)[1]
        print("accuracy", time.perf_counter() - START, share, flush=True)


model.fit(train, epochs=15, callbacks=[Told()], verbose=0)
model.save("/tmp/foveal-bench-keras.keras")
