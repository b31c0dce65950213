"""The images of a project and the changes a person makes."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.errors import ImageError
from foveal.serving.errors import RequestError
from foveal.studio.pixels import read_file, size_of, view, view_type
from foveal.studio.project.changes import ChangeBody, to_entry
from foveal.studio.repeat import repeat_change
from foveal.studio.responses import json_get, json_post, small_number
from foveal.studio.state import StudioState
from foveal.studio.thumbnails import MEDIA_TYPE

_KEPT = {"cache-control": "private, max-age=60"}
"""By the browser, so that scrolling back asks for nothing; the file of a thumbnail may change."""


def data_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P: its images, thumbnails, pixels and changes."""

    def images(request: Request) -> dict[str, Any]:
        return state.project(request).columns()

    def names(request: Request) -> dict[str, Any]:
        return {"ids": state.project(request).named(request.query_params.get("contains", ""))}

    def groups(request: Request) -> list[dict[str, Any]]:
        return state.project(request).groups()

    def image(request: Request) -> dict[str, Any]:
        project, number = state.project(request), _image_of(request)
        facts = project.image(number)
        try:
            width, height = size_of(read_file(*project.location(number)))
            return {**facts, "width": width, "height": height, "problem": None}
        except ImageError as error:
            return {**facts, "width": None, "height": None, "problem": error.reason}

    def thumbnail(request: Request) -> Response:
        project, number = state.project(request), _image_of(request)
        file, root = project.location(number)
        thumbnails = state.projects.thumbnails(project.id)
        try:
            content = thumbnails.get_or_make(number, file, lambda: read_file(file, root))
        except ImageError as error:
            raise _unreadable(error) from None
        return Response(content, media_type=MEDIA_TYPE, headers=_KEPT)

    def pixels(request: Request) -> Response:
        project, number = state.project(request), _image_of(request)
        try:
            content = view(read_file(*project.location(number)))
        except ImageError as error:
            raise _unreadable(error) from None
        return Response(content, media_type=view_type(content))

    def change(request: Request, body: ChangeBody) -> dict[str, Any]:
        entry, project = to_entry(body), state.project(request)
        project.change(entry)
        facts = state.projects.facts(project.id)
        return {**facts, **repeat_change(state.workspace, facts["name"], entry)}

    one = "/api/projects/{project}"
    return [
        json_get(f"{one}/images", images),
        json_get(f"{one}/image-names", names),
        json_get(f"{one}/groups", groups),
        json_get(f"{one}/images/{{image}}", image),
        Route(f"{one}/images/{{image}}/thumbnail", thumbnail),
        Route(f"{one}/images/{{image}}/pixels", pixels),
        json_post(f"{one}/changes", ChangeBody, change),
    ]


def _image_of(request: Request) -> int:
    number = small_number(request.path_params["image"])
    if number is None:
        raise HTTPException(404)
    return number


def _unreadable(error: ImageError) -> RequestError:
    return RequestError(410, f"this image cannot be read now: {error.reason}")
