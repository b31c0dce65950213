"""Models that stay loaded between requests, so that a prediction takes only its own time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from foveal.errors import UsageError
from foveal.prediction.prediction import Prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent
from foveal.rundir import MODEL_FILE
from foveal.studio.models.class_names import NamedRun
from foveal.studio.models.merged import add_merged
from foveal.studio.models.val_scores import ValScores, score_val
from foveal.verbs.predict import predict

MAX_LOADED_MODELS = 2
_Stamp = tuple[int, int, int]


class _Turns:
    """A lock that is next given to who waits for it, not to who has just had it."""

    def __init__(self) -> None:
        self._next, self._lock = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._next:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@dataclass(frozen=True)
class _Loaded:
    """turns: to use the predictor.  scoring: held while `scores` are made."""

    stamp: _Stamp
    predictor: Predictor
    turns: _Turns = field(default_factory=_Turns)
    scoring: threading.Lock = field(default_factory=threading.Lock)
    scores: list[tuple[dict[str, str], ValScores]] = field(default_factory=list)


class LoadedModels:
    """The predictors used last; a file that was replaced is read again. For several threads."""

    def __init__(self, most: int = MAX_LOADED_MODELS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._loaded: OrderedDict[Path, _Loaded] = OrderedDict()

    def predictor(self, path: Path) -> Predictor:
        """The predictor of a model file.  Raises ModelFileError for a damaged one."""
        return self._get(path).predictor

    def predict(self, run: NamedRun, image: bytes | Path, *, top: int | None = 5) -> Prediction:
        """The prediction of a run's newest model; for an image that cannot be read with `error`.

        Raises RenamedMeanwhile where the model has other names now than `run` had.
        """
        loaded = self._of(run)
        with loaded.turns:
            (prediction,) = predict(loaded.predictor, [image], top=None)
        return add_merged(prediction, run.merged, top)

    def val_scores(self, run: NamedRun, progress: Progress = silent) -> ValScores:
        """The scores of a run's newest model on val, computed once; meanwhile it predicts others.

        Raises as `score_val`, and RenamedMeanwhile as `predict`.
        """
        loaded, merged = self._of(run), dict(run.merged)
        with loaded.scoring:
            if not loaded.scores or loaded.scores[0][0] != merged:
                scores = score_val(
                    run.folder, loaded.predictor, progress, merged=merged, turns=loaded.turns
                )
                loaded.scores[:] = [(merged, scores)]
            return loaded.scores[0][1]

    def _of(self, run: NamedRun) -> _Loaded:
        loaded = self._get(model_path(run.folder))
        run.check(loaded.predictor.labels)
        return loaded

    def _get(self, path: Path) -> _Loaded:
        stamp = _stamp(path)
        with self._lock:
            loaded = self._loaded.get(path)
            if loaded is None or loaded.stamp != stamp:
                loaded = _Loaded(stamp, Predictor(path))
            self._loaded[path] = loaded
            self._loaded.move_to_end(path)
            while len(self._loaded) > self._most:
                self._loaded.popitem(last=False)
        return loaded


def model_path(run: Path) -> Path:
    """The model file of a run's folder.  Raises UsageError where there is none yet."""
    path = run / MODEL_FILE
    if not path.is_file():
        raise UsageError("this run has no model yet: it has one after its first epoch")
    return path


def _stamp(path: Path) -> _Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
