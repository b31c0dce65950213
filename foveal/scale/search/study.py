"""An Optuna study beside its trials' run folders; several processes may work on one."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from foveal.errors import MissingExtra, UsageError
from foveal.filelock import hold_lock, try_lock
from foveal.scale.search.space import Range, Scalar, ends_of, is_whole
from foveal.text import printable, reason_of

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.storages.journal import JournalFileOpenLock
    from optuna.trial import FrozenTrial

JOURNAL_FILE = "journal.log"
STUDY_NAME = "foveal"
FOLDER, SEED = "folder", "seed"
"""Attributes of a trial: its run folder's name, inside that of the trials, and its run's seed."""
SPACE = "space"
"""The attribute of the study that holds the searched space."""
PRUNING_STEPS = 10
"""Parts of a run after which val is compared with that of other trials at the same place."""
Entries = Mapping[str, Range | tuple[Scalar, ...]]
"""What is searched: a range or a list of values by key."""
_ASK_LOCK = ".ask.lock"
"""Of a folder of trials: held while one is asked for and locked, or dead ones are looked for."""
_FOLDER_NAME = re.compile(r"[0-9]{4,9}")
MIN_TRIALS, MIN_STEPS = 4, 3
"""Trials that are never pruned, and parts before which none is."""


def open_study(folder: Path, storage: str | None) -> Study:
    """The study of a folder, created where there is none.

    storage: the URL of a database that several machines share; None: a journal in the folder.
    Raises MissingExtra without Optuna, UsageError where the storage cannot be opened.
    """
    if find_spec("optuna") is None:
        raise MissingExtra("foveal search", "search")
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if storage is None:
        _check_journal(folder / JOURNAL_FILE)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        if storage is None:
            file = str(folder / JOURNAL_FILE)
            lock = JournalFileOpenLock(file)
            backend = JournalFileBackend(file, lock_obj=lock)
            _cut_unfinished_line(Path(file), lock)
            opened: Any = optuna.storages.JournalStorage(backend)
        else:
            opened = storage
        study = optuna.create_study(
            study_name=STUDY_NAME if storage is None else folder.resolve().name,
            storage=opened,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=MIN_TRIALS, n_warmup_steps=MIN_STEPS
            ),
        )
    except Exception as error:  # a database has exceptions of its own
        where = storage or folder / JOURNAL_FILE
        raise UsageError(f"the search in {where} cannot be opened: {reason_of(error)}") from error
    return study


def _check_journal(file: Path) -> None:
    """Raise UsageError for a file that is none: Optuna would write behind what is in it."""
    if not file.exists():
        return
    first = b""
    if file.is_file():  # a pipe would be waited for
        try:
            with file.open("rb") as stream:
                first = stream.readline(2**16)
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    try:
        known = file.is_file() and (not first or "op_code" in json.loads(first))
    except (ValueError, TypeError, RecursionError):
        known = False
    if not known:
        raise UsageError(f"{file} is not the journal of a search; give another --out")


def _cut_unfinished_line(file: Path, lock: JournalFileOpenLock) -> None:
    """Remove a last line without an end, whose process died: Optuna would write on in that line.

    Raises ValueError where the last line that has an end is damaged, which Optuna passes over until
    another one follows.
    """
    lock.acquire()
    try:
        content = file.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            with file.open("r+b") as stream:
                stream.truncate(end)
    finally:
        lock.release()
    for line in content[:end].splitlines()[-1:]:
        json.loads(line)


def store_space(study: Study, entries: Entries) -> None:
    """Write the searched space into the study, for every process that works on it."""
    stored = {
        key: values.model_dump() if isinstance(values, Range) else list(values)
        for key, values in entries.items()
    }
    study.set_user_attr(SPACE, stored)


def stored_space(study: Study) -> Entries:
    """The space that `store_space` wrote; empty where there is none yet.

    Raises UsageError for one that no search has written.
    """
    try:
        return {
            key: Range(**values) if isinstance(values, dict) else tuple(values)
            for key, values in study.user_attrs.get(SPACE, {}).items()
        }
    except (ValueError, TypeError, AttributeError, UsageError) as error:
        raise _damaged_space(study) from error


def _damaged_space(study: Study) -> UsageError:
    return UsageError(
        f"the space of the search '{study.study_name}' is not one that a search has written; give "
        "another --out"
    )


def suggest(trial: Trial, entries: Entries) -> dict[str, Scalar]:
    """A value for each key; raises UsageError where earlier trials were of another space."""
    try:
        return {key: _suggested(trial, key, values) for key, values in entries.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise _damaged_space(trial.study) from error


def default_trial(
    entries: Entries,
    params: Mapping[str, Scalar],
    value: float,
    attributes: Mapping[str, Any],
    curve: Mapping[int, float] = MappingProxyType({}),
) -> FrozenTrial:
    """The finished trial of the values that Foveal chose, from which the search starts.

    curve: val accuracy at the places of the run, which other trials are compared with.
    """
    from optuna.trial import create_trial

    return create_trial(
        params={key: params[key] for key in entries},
        distributions={key: _distribution(key, values) for key, values in entries.items()},
        value=value,
        user_attrs=dict(attributes),
        intermediate_values=dict(curve),
    )


def run_folder(trials: Path, trial: Trial | FrozenTrial) -> Path | None:
    """The run folder of a trial, inside that of all trials; None where it never began.

    Raises UsageError for a name that no search has written, which could lead out of it.
    """
    name = trial.user_attrs.get(FOLDER)
    if name is None:
        return None
    if not isinstance(name, str) or not _FOLDER_NAME.fullmatch(name):
        raise UsageError(
            f"trial {trial.number} of the search in {trials.parent} names the folder "
            f"'{printable(str(name)[:80])}', which no search has written; give another --out"
        )
    return trials / name


@contextlib.contextmanager
def asked_trial(study: Study, trials: Path, seed: int) -> Iterator[Trial]:
    """A new trial or a queued one, which other processes know to be alive until the block ends.

    trials: the folder of the trials' run folders.  seed: 0..2**32 - 1, of the search; with its
    number the trial has values of its own, also beside one that was asked for at the same moment.
    """
    from optuna.samplers import TPESampler

    with contextlib.ExitStack() as held:
        with hold_lock(trials / _ASK_LOCK):
            trial = study.ask()  # takes no value from the sampler yet
            lock = _trial_lock(trials, trial)
            is_free = held.enter_context(try_lock(lock))
        assert is_free
        study.sampler = TPESampler(
            seed=(seed + trial.number) % 2**32, multivariate=True, constant_liar=True
        )
        yield trial
        with contextlib.suppress(OSError):
            lock.unlink()


def _trial_lock(trials: Path, trial: Trial | FrozenTrial) -> Path:
    """The lock file that the process which runs a trial holds until the study knows its end."""
    return trials / f".{trial.number:04d}.lock"


def release_dead_trials(study: Study, trials: Path) -> int:
    """Queue again what was running in processes of this folder that are dead; how many there were.

    Those of other machines have their locks in other folders.  A queued trial goes on in the run
    folder of the one that died.
    """
    from optuna.trial import TrialState

    count = 0
    with hold_lock(trials / _ASK_LOCK):
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            lock = _trial_lock(trials, trial)
            if not lock.is_file():
                continue
            with try_lock(lock) as is_free:
                now = study.get_trials(deepcopy=False)[trial.number]  # it may have ended meanwhile
                if is_free and now.state == TrialState.RUNNING:
                    study.tell(now.number, state=TrialState.FAIL)
                    params = now.system_attrs.get("fixed_params", now.params)  # of a queued one
                    study.enqueue_trial(params, user_attrs=now.user_attrs, skip_if_exists=False)
                    count += 1
    return count


def report_progress(
    trial: Trial, accuracy: float | None, progress: float, reported: int
) -> tuple[int, bool]:
    """Report val at the place of the run that it belongs to.

    progress: 0..1.  reported: the last place that was reported.  Returns the new one, and whether
    the trial is to be ended as others were better there.
    """
    places = new_places(progress, reported)
    if accuracy is None or not places:
        return reported, False
    for place in places:
        trial.report(accuracy, place)
    return places[-1], trial.should_prune()


def new_places(progress: float, reported: int) -> range:
    """The places of a run, 1..PRUNING_STEPS, that it has reached since `reported`."""
    return range(reported + 1, min(PRUNING_STEPS, int(progress * PRUNING_STEPS)) + 1)


def _suggested(trial: Trial, key: str, values: Range | tuple[Scalar, ...]) -> Scalar:
    if not isinstance(values, Range):
        chosen = trial.suggest_categorical(key, values)
        assert chosen is not None
        return chosen
    if is_whole(key):
        low, high = ends_of(key, values)
        return trial.suggest_int(key, int(low), int(high), log=values.log)
    return trial.suggest_float(key, values.low, values.high, log=values.log)


def _distribution(key: str, values: Range | tuple[Scalar, ...]) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    if is_whole(key):
        low, high = ends_of(key, values)
        return IntDistribution(int(low), int(high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)
