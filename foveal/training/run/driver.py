"""Runs the training loop to its end, between its steps within the budget and saved."""

from __future__ import annotations

import time
from contextlib import closing

from foveal.progress import Progress
from foveal.training import progressive_resizing, validation
from foveal.training.events import EpochRecord, Recovery, StepRecord, TrainingRecord
from foveal.training.loop import train
from foveal.training.run.context import RunContext
from foveal.training.run.cycle import adjust_cycle
from foveal.training.run.final_validation import validate_best
from foveal.training.run.outputs import checkpoint_due, save_state, write_log, write_model
from foveal.training.run.shared_session import agree, share_session, signals_until_agreed
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask


def drive(state: TrainingState, task: TrainTask, context: RunContext, *, new: bool = False) -> None:
    """Train to the end of the cycle; the files in the folder are whole at every moment.

    new: no checkpoint is written yet.  Ctrl-C and SIGTERM save the state and are raised on as
    KeyboardInterrupt and SystemExit.
    """
    context.times.saved_at = time.monotonic()
    try:
        if new:  # killed before its first step, the run can be resumed as it was requested
            save_state(state, task, context)
        share_session(state, task, context.plan)
        with signals_until_agreed(task), closing(train(state, task)) as records:
            for record in records:
                context.on_record(record)
                handle_record(record, state, task, context)
                if context.budget.limited:
                    adjust_cycle(state, task, context)
                if checkpoint_due(context.times):
                    save_state(state, task, context)
                agree(state, task)
            logits = validate_best(state, task, flip=_flips(context))
        finish(state, task, context, logits)
    except (KeyboardInterrupt, SystemExit):
        task.interrupts.caught()
        with task.interrupts:
            state.undo_step()
            save_state(state, task, context)
        context.progress.message(f"saved after step {state.position.step}; continue with --resume")
        raise


def follow(state: TrainingState, task: TrainTask, context: RunContext) -> None:
    """Train as another process than the one that drives: the same steps, but no files."""
    with signals_until_agreed(task), closing(train(state, task)) as records:
        for _ in records:
            agree(state, task)
        validate_best(state, task, flip=_flips(context))


def _flips(context: RunContext) -> bool:
    """Whether predictions of the model file are means over the image and its mirror image."""
    return context.manifest.network.preprocess.flip_average


def handle_record(
    record: TrainingRecord, state: TrainingState, task: TrainTask, context: RunContext
) -> None:
    """Show a record, and write what an epoch has changed."""
    match record:
        case StepRecord():
            cost = progressive_resizing.relative_cost(
                task.image_size,
                task.start_scale,
                state.position.progress,
                context.timing.start_cost,
            )
            context.times.step_seconds.append(record.seconds / cost)
            _show_step(record, state, context.progress)
        case EpochRecord():
            if record.selected:
                write_model(state, task, context, finished=False)
            write_log(state, context)
        case Recovery():
            context.progress.message(record.message)
    context.on_state(record, state, task, context)


def _show_step(record: StepRecord, state: TrainingState, progress: Progress) -> None:
    position = state.position
    images = max(1, position.images_seen)
    val_accuracy = position.history[-1]["val_accuracy"] if position.history else None
    parts = [
        f"epoch {record.epoch}",
        f"loss {position.loss_sum / images:.3f}",
        f"accuracy {100 * position.correct_sum / images:.1f} %",
        *([] if val_accuracy is None else [f"val {100 * val_accuracy:.1f} %"]),
        f"{record.images / max(record.seconds, 1e-9):,.0f} images/s",
    ]
    done = record.step - position.cycle_start
    progress("training", done, position.cycle_steps, "  ".join(parts))


def finish(
    state: TrainingState,
    task: TrainTask,
    context: RunContext,
    logits: validation.Logits | None,
) -> None:
    """Write all files of a run that was validated for the last time."""
    manifest = write_model(state, task, context, finished=True)
    write_log(state, context)
    if logits is not None:
        context.write_report(manifest, logits)
    with task.interrupts:
        state.position.finished = True
        save_state(state, task, context, keep=1)
