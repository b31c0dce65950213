"""The scores of a run are those of its predictions, and a model that guesses is called one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foveal.errors import Error, TrainingError
from foveal.training.run.final_validation import validate_best


def test_prediction_gives_what_was_measured_on_val(runs):
    from foveal.prediction.predictor import Predictor

    session = runs.start(epochs=6.0, horizontal_flip="random")
    runs.drive(session, "a")
    predictor = Predictor(runs.folder / "a" / "model.safetensors")
    assert predictor.manifest.network.preprocess.flip_average
    probabilities = predictor.probabilities(runs.data.val.pixels)
    right = (probabilities.argmax(axis=1) == runs.data.val.labels).mean()
    assert right == pytest.approx(session.state.position.final_scores["val_accuracy"])
    sure = probabilities[np.arange(60), runs.data.val.labels]
    loss = session.state.position.final_scores["val_loss"]
    assert -np.log(sure).mean() == pytest.approx(loss, abs=1e-4)


@pytest.mark.parametrize(
    ("history", "kind", "sentence"),
    [
        ([], Error, "training ended before its first step; give it more --minutes"),
        (
            [{"epoch": 1}],
            TrainingError,
            "the model's output is NaN or infinite after every epoch, so no model was written; "
            "start again with a smaller --set learning_rate",
        ),
    ],
)
def test_a_run_without_weights_says_why(runs, history, kind, sentence):
    session = runs.start()
    session.state.position.history = history
    with pytest.raises(Error) as caught:
        validate_best(session.state, session.task, flip=False)
    assert (type(caught.value), str(caught.value)) == (kind, sentence)


@pytest.mark.parametrize(("val_images", "judged_on"), [(60, "val"), (1, "train"), (0, "train")])
def test_one_answer_to_all_images_is_chance(runs, val_images, judged_on):
    session = runs.start()
    state, task = session.state, session.task
    state.best = {name: value.clone() for name, value in state.module.state_dict().items()}
    state.best["output.weight"].zero_()
    state.best["output.bias"].copy_(torch.arange(10.0))
    val = replace(
        task.val, pixels=task.val.pixels[:val_images], labels=task.val.labels[:val_images]
    )
    logits = validate_best(state, replace(task, val=val), flip=False)
    assert (logits is None) == (not val_images)
    scores = state.position.final_scores
    assert scores["at_chance"] is True
    assert scores["judged_on"] == judged_on
    if val_images:
        assert scores["val_accuracy"] == np.mean(val.labels == 9)
    assert state.position.temperature > 1
