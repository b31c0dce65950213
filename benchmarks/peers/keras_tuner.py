"""KerasTuner as TensorFlow's tutorial "Introduction to the Keras Tuner" has it: Hyperband.

Arguments: FOLDER SEED MINUTES.  The network is that of keras.py beside this file; searched are what
the tutorials search: filters, units, dropout, learning rate, augmentation.  Two thirds of the time
are the search; in the rest the best hyper-parameters are trained anew, as the tutorial does.  What
has the higher validation accuracy of both is the result, which favours it.  Test is evaluated once.
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

START = time.perf_counter()
import keras  # noqa: E402
import keras_tuner  # noqa: E402
from keras import layers  # noqa: E402

folder, seed, minutes = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
SEARCH_SHARE, EVALUATION_SECONDS = 2 / 3, 10
keras.utils.set_random_seed(seed)
first = next(path for path in sorted(Path(folder, "train").rglob("*.*")))
small = keras.utils.load_img(first).size[0] <= 64
side = keras.utils.load_img(first).size[::-1] if small else (180, 180)
load = keras.utils.image_dataset_from_directory
options = {"image_size": side, "batch_size": 128 if small else 32, "label_mode": "categorical"}
split = {"validation_split": 0.1, "subset": "both", "seed": seed}
train, val = load(f"{folder}/train", **split, **options)
test = load(f"{folder}/test", shuffle=False, **options)
classes = len(train.class_names)


def build(hp):
    parts = [layers.Rescaling(1 / 255)]
    if hp.Boolean("augmentation", default=not small):
        parts += [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)]
    filters = hp.Choice("filters", [16, 32, 64], default=32 if small else 16)
    for stage in range(2 if small else 3):
        parts += [
            layers.Conv2D(filters * 2**stage, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
        ]
    parts.append(layers.Flatten())
    parts.append(layers.Dropout(hp.Float("dropout", 0.0, 0.5, step=0.1)))
    units = hp.Choice("units", [0, 128, 512], default=0 if small else 128)
    if units:
        parts.append(layers.Dense(units, activation="relu"))
    model = keras.Sequential([*parts, layers.Dense(classes, activation="softmax")])
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


class OutOfTime(keras_tuner.errors.FatalError):
    """Ends the search: a FatalError is the one error that the tuner does not count as a trial's."""


class Deadline(keras.callbacks.Callback):
    def __init__(self, seconds, end):
        super().__init__()
        self.seconds, self.end = seconds, end

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        if time.perf_counter() - START > self.seconds:
            self.end(self.model)


def raise_out_of_time(_):
    raise OutOfTime


def stop(model):
    model.stop_training = True


with tempfile.TemporaryDirectory() as home:
    tuner = keras_tuner.Hyperband(
        build,
        objective="val_accuracy",
        max_epochs=10,
        factor=3,
        hyperband_iterations=100,
        seed=seed,
        directory=home,
        project_name="search",
        overwrite=True,
    )
    seconds = 60 * minutes - EVALUATION_SECONDS
    patience = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    limit = Deadline(SEARCH_SHARE * seconds, raise_out_of_time)
    with contextlib.suppress(OutOfTime):
        tuner.search(train, validation_data=val, epochs=50, callbacks=[patience, limit], verbose=0)
    trials = [trial for trial in tuner.oracle.trials.values() if trial.status == "COMPLETED"]
    best = tuner.get_best_models(1)[0] if trials else None
    chosen = tuner.get_best_hyperparameters(1) if trials else [keras_tuner.HyperParameters()]
    model = build(chosen[0])
    kept = f"{home}/best.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(
        kept, monitor="val_accuracy", save_best_only=True, save_weights_only=True
    )
    found = model.fit(
        train,
        validation_data=val,
        epochs=50,
        callbacks=[keep, Deadline(seconds, stop)],
        verbose=0,
    )
    searched = best.evaluate(val, verbose=0)[1] if best else 0.0
    trained = max(found.history.get("val_accuracy", [0.0]))
    if best is None or trained >= searched:
        best = model
        if Path(kept).is_file():
            model.load_weights(kept)
    print("trials", len(trials), "val_accuracy", max(searched, trained), flush=True)
    print("accuracy", time.perf_counter() - START, best.evaluate(test, verbose=0)[1], flush=True)
