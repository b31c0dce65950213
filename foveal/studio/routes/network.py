"""Editing a network: its checker while typing, the form's schema, presets; and Foveal's design."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from starlette.requests import Request
from starlette.routing import Route

from foveal.errors import SpecError, UsageError
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.spec.yaml import parse_yaml
from foveal.spec.yaml_document import MAX_BYTES
from foveal.studio.design import DESIGN_TABLE, network_of_model
from foveal.studio.hyperparameters import recipe_keys
from foveal.studio.kept import read_kept, write_kept
from foveal.studio.models.class_names import name_run
from foveal.studio.network import (
    DEFAULT_BATCH_SIZE,
    TrainingSize,
    check_network,
    editor_schema,
    input_of,
    input_problems,
    known_network_yaml,
    known_networks,
)
from foveal.studio.repeat import repeat
from foveal.studio.repeats import keep_line
from foveal.studio.responses import Body, json_get, json_post, small_number
from foveal.studio.runs.folders import RUN_START, start_file
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import TaskProgress

DRAFT_FILE = "network.json"
MAX_YAML = 4 * MAX_BYTES
"""Characters of a network that is kept; the checker reads up to MAX_BYTES."""
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class NetworkCheck(Body):
    """A network as YAML or as the data of the form, and what it is to be trained on.

    project: whose images it is to read, where that is told.
    """

    yaml: str | None = None
    data: dict[str, Any] | None = None
    classes: Count = 10
    images: Count | None = None
    batch_size: Annotated[int, Field(ge=1, le=8192)] = DEFAULT_BATCH_SIZE
    task: Literal["single", "multi"] = "single"
    project: str | None = None


class ChoicesRequest(Body):
    """The network and recipe for which the open hyper-parameters are asked."""

    yaml: str
    recipe: dict[str, Any] = Field(default_factory=dict)
    classes: Count = 10
    images: Count = 1000
    pretrained: bool = False


class Draft(Body):
    """The network that is kept with a project, with whatever mistakes are in it.

    reasons: of the design, where it is one and was not changed.
    """

    yaml: Annotated[str, Field(max_length=MAX_YAML)] | None = None
    start_from: str = "auto"
    reasons: list[str] = Field(default_factory=list)


class DesignRequest(Body):
    """Budget and start of a design."""

    minutes: Annotated[float, Field(gt=0)] | None = None
    start_from: str = "auto"


def network_routes(state: StudioState) -> list[Route]:
    """Routes of /api/network, and /api/projects/P/design.

    And /api/projects/P/expected: the network and recipe of a run for which none are named.
    """

    def schema(_request: Request) -> dict[str, Any]:
        return {**editor_schema(), "recipe": recipe_keys()}

    def presets(request: Request) -> list[dict[str, Any]]:
        classes = small_number(request.query_params.get("classes", ""))
        return known_networks(10 if classes is None else classes)

    def preset(request: Request) -> dict[str, Any]:
        size = _size(request.query_params.get("size"))
        return {"yaml": known_network_yaml(request.path_params["name"], size)}

    def design(request: Request, body: DesignRequest) -> dict[str, Any]:
        project = state.project(request)

        def work(progress: TaskProgress) -> dict[str, Any]:
            return state.designs.of(project, body.minutes, body.start_from, progress)

        found = state.tasks.run(project.id, "design", work)
        table = project.folder / DESIGN_TABLE
        return {**found, **keep_line(project, table, _repeated(table, body))}

    def expected(request: Request, body: DesignRequest) -> dict[str, Any]:
        project = state.project(request)

        def model_folder(run: Path) -> Path:
            return name_run(project, run).folder

        start = start_file(project.folder, body.start_from, model_folder)
        if body.start_from.startswith(RUN_START):
            return network_of_model(Path(start))

        def work(progress: TaskProgress) -> dict[str, Any]:
            return state.designs.of(project, body.minutes, start, progress)

        state.tasks.cancel_all(project.id, "expected")  # of a length that was typed before
        return state.tasks.run(project.id, "expected", work)

    def draft(request: Request) -> dict[str, Any]:
        return read_draft(state.project(request).folder).model_dump()

    def keep(request: Request, body: Draft) -> dict[str, Any]:
        write_kept(state.project(request).folder / DRAFT_FILE, body.model_dump())
        return {}

    return [
        json_get("/api/projects/{project}/network", draft),
        json_post("/api/projects/{project}/network", Draft, keep),
        json_post("/api/network/check", NetworkCheck, lambda _, body: _check(state, body)),
        json_get("/api/network/schema", schema),
        json_get("/api/network/presets", presets),
        json_get("/api/network/presets/{name}", preset),
        json_post("/api/network/choices", ChoicesRequest, lambda _, body: _choices(state, body)),
        json_post("/api/projects/{project}/design", DesignRequest, design),
        json_post("/api/projects/{project}/expected", DesignRequest, expected),
    ]


def read_draft(folder: Path) -> Draft:
    """The network kept in a project's folder; an empty one where there is none to be read."""
    return read_kept(folder / DRAFT_FILE, TypeAdapter(Draft)) or Draft()


def _check(state: StudioState, body: NetworkCheck) -> dict[str, Any]:
    if (body.yaml is None) == (body.data is None):
        raise UsageError("give the network as yaml or as data")
    source = body.data if body.yaml is None else body.yaml
    found = check_network(
        source, TrainingSize(body.classes, body.task, body.images, body.batch_size)
    )
    size = None if body.project is None else input_of(source)
    if body.project is not None and size is not None:
        found["problems"] += input_problems(state.input_warnings.of(body.project, size))
    return found


def _size(text: str | None) -> Input | None:
    """HEIGHTxWIDTHxCHANNELS, as the command line takes it."""
    if not text:
        return None
    parts = text.split("x")
    try:
        height, width, channels = (small_number(part) for part in parts)
        return Input(height=height, width=width, channels=channels)  # type: ignore[arg-type]
    except (ValueError, SpecError) as error:
        raise UsageError(
            f"size received '{text[:40]}'; give HEIGHTxWIDTHxCHANNELS: 224x224x3"
        ) from error


def _choices(state: StudioState, body: ChoicesRequest) -> list[dict[str, Any]]:
    from foveal.training.setup.request import with_keys

    network = parse_yaml(body.yaml, Network, "network")
    recipe = with_keys(
        Recipe(), {key: value for key, value in body.recipe.items() if "." not in key}
    )
    context = body.model_dump(include={"classes", "images", "pretrained"})

    def work(progress: TaskProgress) -> dict[str, Any]:
        return state.choices.of(network, recipe, progress, **context)

    choices: list[dict[str, Any]] = state.tasks.run("", "choices", work)["choices"]
    return choices


def _repeated(table: Path, body: DesignRequest) -> dict[str, str]:
    """The command line and the Python that design the same."""
    words, arguments = ["design", str(table)], [repr(str(table))]
    if body.minutes is not None:
        words += ["--minutes", f"{body.minutes:g}"]
        arguments.append(f"minutes={body.minutes:g}")
    if body.start_from != "auto":
        words += ["--from", body.start_from]
        arguments.append(f"start_from={body.start_from!r}")
    call = f"foveal.design({', '.join(arguments)})"
    return repeat(
        [*words, "--out", "network.yaml"], f"design = {call}\nprint(*design.reasons, sep='\\n')"
    )
