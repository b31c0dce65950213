"""The images of a project and the changes a person makes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, StrictInt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.errors import ImageError
from foveal.serving.errors import RequestError
from foveal.studio.pixels import read_file, size_of, view, view_type
from foveal.studio.project.images import SPLIT_NAMES
from foveal.studio.project.project import Project
from foveal.studio.responses import Body, json_response, read_json
from foveal.studio.state import StudioState
from foveal.studio.thumbnails import MEDIA_TYPE

Ids = Annotated[list[StrictInt], Field(max_length=1_000_000)]
Split = Literal["auto", "train", "val", "test", 0, 1, 2, 3]
_KEPT = {"cache-control": "private, max-age=31536000, immutable"}


class Label(Body):
    """Give images a class, or none."""

    op: Literal["label"]
    ids: Ids
    label: str | None


class LeaveOutOrKeep(Body):
    """Leave images out of everything, or take them back."""

    op: Literal["leave_out", "keep"]
    ids: Ids


class SetSplit(Body):
    """Put images into a split; auto: Foveal chooses."""

    op: Literal["split"]
    ids: Ids
    split: Split


class SetGroup(Body):
    """Give images a group, which stays in one split; null: none."""

    op: Literal["group"]
    ids: Ids
    group: str | None


class AddOrRemoveClass(Body):
    """Add a class, or remove one; the images of a removed class have none then."""

    op: Literal["add_class", "remove_class"]
    name: str


class RenameClass(Body):
    """Give a class another name."""

    op: Literal["rename_class"]
    name: str
    to: str


class MergeClasses(Body):
    """Make one class of several, with the name of one of them or a new one."""

    op: Literal["merge_classes"]
    names: list[str]
    to: str


class UndoOrRedo(Body):
    """Take the last change back, or make it again."""

    op: Literal["undo", "redo"]


Change = Annotated[
    Label
    | LeaveOutOrKeep
    | SetSplit
    | SetGroup
    | AddOrRemoveClass
    | RenameClass
    | MergeClasses
    | UndoOrRedo,
    Field(discriminator="op"),
]


class ChangeBody(RootModel[Change]):
    """Any of the changes, by its `op`."""


def data_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P: its images, thumbnails, pixels and changes."""

    def project_of(request: Request) -> Project:
        return state.projects.get(request.path_params["project"])

    def images(request: Request) -> Response:
        return json_response(project_of(request).columns())

    def image(request: Request) -> Response:
        project, number = project_of(request), request.path_params["image"]
        facts = project.image(number)
        try:
            width, height = size_of(read_file(*project.location(number)))
            return json_response({**facts, "width": width, "height": height, "problem": None})
        except ImageError as error:
            return json_response({**facts, "width": None, "height": None, "problem": error.reason})

    def thumbnail(request: Request) -> Response:
        project, number = project_of(request), request.path_params["image"]
        file, root = project.location(number)
        thumbnails = state.projects.thumbnails(project.id)
        try:
            content = thumbnails.get_or_make(number, file, lambda: read_file(file, root))
        except ImageError as error:
            raise _unreadable(error) from None
        return Response(content, media_type=MEDIA_TYPE, headers=_KEPT)

    def pixels(request: Request) -> Response:
        project, number = project_of(request), request.path_params["image"]
        try:
            content = view(read_file(*project.location(number)))
        except ImageError as error:
            raise _unreadable(error) from None
        return Response(content, media_type=view_type(content))

    async def change(request: Request) -> Response:
        body = (await read_json(request, ChangeBody)).root
        project = await run_in_threadpool(project_of, request)
        await run_in_threadpool(project.change, _entry(body))
        facts = await run_in_threadpool(state.projects.facts, project.id)
        return json_response(facts)

    one = "/api/projects/{project}"
    return [
        Route(f"{one}/images", images),
        Route(f"{one}/images/{{image:int}}", image),
        Route(f"{one}/images/{{image:int}}/thumbnail", thumbnail),
        Route(f"{one}/images/{{image:int}}/pixels", pixels),
        Route(f"{one}/changes", change, methods=["POST"]),
    ]


def _entry(body: Change) -> dict[str, Any]:
    entry = body.model_dump()
    if isinstance(body, SetSplit) and isinstance(body.split, int):
        entry["split"] = SPLIT_NAMES[body.split]
    return entry


def _unreadable(error: ImageError) -> RequestError:
    return RequestError(410, f"this image cannot be read now: {error.reason}")
