"""Run folders, searches and workspaces of the studio, which Foveal reads again."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from model_readers import tiny_model
from samples import LABELS, NETWORK, RECIPE, SPACE, encoded


def train_run(data: Path, out: Path) -> None:
    """A run of two epochs on 24 images."""
    from foveal.verbs.train import train

    for number in range(24):
        path = data / LABELS[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number))
    network = data.parent / "network.yaml"
    network.write_text(NETWORK)
    train(data, network=network, epochs=2, out=out, device="cpu", track=("steps",))


def write_run(folder: Path) -> None:
    run = folder / "run"
    train_run(folder / "data", run)
    (folder / "network.yaml").unlink()
    for name in ("report.html", "log.jsonl", "model.safetensors", ".lock"):
        (run / name).unlink(missing_ok=True)


def read_run(path: Path) -> None:
    """What goes on with a run, and what only looks at it."""
    from foveal.rundir import read_run_data
    from foveal.training.checkpoint import load_newest
    from foveal.verbs.train import train

    read_run_data(path)
    load_newest(path / "checkpoint")
    train(path.parent / "data", out=path, resume=True, device="cpu")


def write_study(folder: Path) -> None:
    from foveal.model.model import save_model
    from foveal.scale.search.result import write_val_accuracies
    from foveal.scale.search.space import SearchSpace
    from foveal.scale.search.study import FOLDER, SEED, default_trial, open_study, store_space
    from foveal.spec.yaml import parse_yaml

    entries = parse_yaml(SPACE, SearchSpace).entries
    study = open_study(folder, None)
    store_space(study, entries)
    params = {"learning_rate": 0.01, "batch_size": 32, "network": "auto", "size": 32}
    for number in range(3):
        name = f"{number:04d}"
        trial = default_trial(entries, params, 0.5 + number / 10, {FOLDER: name, SEED: 0})
        study.add_trial(trial)
        run = folder / "trials" / name
        run.mkdir(parents=True)
        write_val_accuracies(run, np.random.default_rng(number).integers(0, 2, 40) * 1.0)
        (run / "network.yaml").write_text(NETWORK)
        (run / "recipe.yaml").write_text(RECIPE)
        (run / "log.jsonl").write_text('{"seconds": 1.0, "val_accuracy": 0.5}\n' * 3)
        save_model(run / "model.safetensors", tiny_model())
    study.enqueue_trial(params, user_attrs={FOLDER: "0003", SEED: 1})


def read_study(path: Path) -> None:
    from foveal.scale.search.command import Source
    from foveal.scale.search.report import write_search_report
    from foveal.scale.search.result import write_result
    from foveal.scale.search.study import open_study, release_dead_trials, stored_space, suggest

    study = open_study(path, None)
    entries = stored_space(study)
    release_dead_trials(study, path / "trials")
    suggest(study.ask(), entries)
    result = write_result(study, path, Source(path, None, "auto"))
    write_search_report(result, entries, "data")


PROJECT = "0a0b0c0d"
RUN = "20260101-000000"


def write_workspace(folder: Path) -> None:
    from foveal.studio.project.project import Project
    from foveal.studio.runs.request import RunRequest, write_request

    project = folder / "projects" / PROJECT
    project.mkdir(parents=True)
    (folder / "workspace.json").write_text('{"format": 1}')
    (project / "project.json").write_text('{"name": "fruit", "created": 1.5}')
    _fill_project(Project(project, PROJECT), project)
    run = project / "runs" / RUN
    train_run(folder.parent / "images", run)
    write_request(run, RunRequest(name="first", created=2.0, network=NETWORK, epochs=2))
    (run / "run.log").write_text("$ foveal train x\nepoch 1\n")
    rows = [{"path": "a.png", "label": "ant"}]
    (run / "images.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (run / "exports").mkdir()
    exports = {"onnx": {"kind": "onnx", "passed": True, "path": "model.onnx", "bytes": 9}}
    (run / "exports" / "exports.json").write_text(json.dumps(exports))
    (project / "network.json").write_text(json.dumps({"yaml": NETWORK, "reasons": ["a"]}))
    (project / "counts.json").write_text('{"size": 1, "images": 3, "classes": 2}')


def _fill_project(project: Any, folder: Path) -> None:
    from foveal.studio.uploads.rows import Row
    from foveal.studio.uploads.store import store, stored_path

    contents = [encoded(number) for number in range(6)]
    rows = [Row(f"{n}.png", LABELS[n % 2], n % 4, f"g{n % 2}", bytes) for n in range(6)]
    paths = [stored_path(content) for content in contents]
    for path, content in zip(paths, contents, strict=True):
        store(folder, path, content)
    project.add(rows[:4], paths[:4], "batch")
    project.add(rows[4:], paths[4:], None)
    project.change({"op": "label", "ids": [0, 1], "label": "cat"})
    project.change({"op": "rename_class", "name": "cat", "to": "eel"})
    project.change({"op": "split", "ids": [2], "split": "test"})
    project.change({"op": "group", "ids": [3], "group": "new"})
    project.change({"op": "leave_out", "ids": [5]})
    project.change({"op": "merge_classes", "names": ["eel", "bee"], "to": "bee"})
    project.change({"op": "undo"})
    project.change({"op": "redo"})
    project.close()


class ServerFailure(Exception):
    """A server answered with an error of its own."""


def read_workspace(path: Path) -> None:
    """Every path that can be read of a studio, over its real application."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient

    from foveal.errors import Error
    from foveal.serving.logs import Log
    from foveal.studio.app import create_app
    from foveal.studio.middleware import StudioMiddleware
    from foveal.studio.project.training_table import write_training_table
    from foveal.studio.security import Access
    from foveal.studio.state import create_state
    from foveal.studio.workspace import open_workspace

    written = io.StringIO()
    access = Access("127.0.0.1", 80, "c" * 43, "t" * 43)
    with open_workspace(path) as workspace:
        log = Log(stream=written)
        state = create_state(workspace, access, log)
        try:
            app = StudioMiddleware(create_app(state), access, log)
            headers = {"cookie": f"{access.cookie_name}={access.cookie}", "host": "127.0.0.1"}
            client = TestClient(app, headers=headers, raise_server_exceptions=False)
            for address in _studio_paths():
                answer = client.get(address)
                if answer.status_code >= 500:
                    raise ServerFailure(f"{address}: {answer.text} {written.getvalue()[-3000:]}")
            with contextlib.suppress(Error):
                write_training_table(state.projects.get(PROJECT), path.parent / "out" / "t.jsonl")
        finally:
            state.close()


def _studio_paths() -> list[str]:
    project, run = f"/api/projects/{PROJECT}", f"/api/projects/{PROJECT}/runs/{RUN}"
    paths = ["/api/studio", project]
    paths += [f"{project}/images", f"{project}/images/0", f"{project}/images/4"]
    paths += [f"{project}/images/{n}/{kind}" for n in (0, 4) for kind in ("thumbnail", "pixels")]
    paths += [f"{project}/{name}" for name in ("findings", "predictions", "queue", "network")]
    paths += [f"{project}/runs", run, f"{run}/errors", f"{run}/live", f"{run}/report"]
    paths += [f"{run}/exports", f"{run}/exports/model.onnx", f"{run}/server", f"{run}/model"]
    return [*paths, f"{run}/card", f"{project}/compare?a={RUN}&b={RUN}", f"{project}/tasks"]
