"""Which epoch's weights are selected."""

from dataclasses import replace

import numpy as np
import pytest

from foveal.training.epoch import close_epoch


@pytest.mark.parametrize(
    ("class_balance", "best_epoch"), [("none", 2), ("class_weights", 1), ("sampling", 1)]
)
def test_where_classes_are_balanced_each_counts_alike_in_choosing_the_epoch(
    runs, class_balance, best_epoch
):
    made = runs.start(class_balance=class_balance)
    labels = np.repeat(np.arange(10), [51] + [1] * 9)
    task = replace(made.task, val=replace(made.task.val, labels=labels))
    always_the_commonest = np.zeros((60, 10), np.float32)
    always_the_commonest[:, 0] = 1.0
    rare_ones_right = np.eye(10, dtype=np.float32)[labels]
    rare_ones_right[:40] = np.eye(10, dtype=np.float32)[1]  # 20 of 60 right, but all nine rare ones
    for epoch, logits in enumerate((rare_ones_right, always_the_commonest), start=1):
        made.state.position.step = epoch * task.steps_per_epoch
        close_epoch(made.state, task, made.state.module, logits, lambda: 0.0)
    assert made.state.position.best_epoch == best_epoch


def test_without_val_weights_that_are_not_finite_are_not_selected(runs):
    made = runs.start()
    images = replace(
        made.task.val, pixels=made.task.val.pixels[:0], labels=made.task.val.labels[:0]
    )
    task = replace(made.task, val=images)
    for value, selected in ((1.0, True), (float("nan"), False), (float("inf"), False)):
        made.state.position.step += task.steps_per_epoch
        made.state.module.get_buffer("batch_norm_1.running_var")[0] = value
        record = close_epoch(made.state, task, made.state.module, None, lambda: 0.0)
        assert record.selected == selected
    assert made.state.position.best_epoch == 1
    assert made.state.best["batch_norm_1.running_var"][0] == 1
