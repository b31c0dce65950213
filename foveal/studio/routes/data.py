"""The images of a project and the changes a person makes."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.errors import ImageError
from foveal.serving.errors import RequestError
from foveal.studio.pixels import read_file, size_of, view, view_type
from foveal.studio.project.changes import ChangeBody, to_entry
from foveal.studio.project.project import Project
from foveal.studio.repeat import repeat_change
from foveal.studio.responses import json_response, read_json
from foveal.studio.state import StudioState
from foveal.studio.thumbnails import MEDIA_TYPE

_KEPT = {"cache-control": "private, max-age=31536000, immutable"}


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
        entry = to_entry(await read_json(request, ChangeBody))
        project = await run_in_threadpool(project_of, request)
        await run_in_threadpool(project.change, entry)
        facts = await run_in_threadpool(state.projects.facts, project.id)
        return json_response({**facts, **repeat_change(state.workspace, facts["name"], entry)})

    one = "/api/projects/{project}"
    return [
        Route(f"{one}/images", images),
        Route(f"{one}/images/{{image:int}}", image),
        Route(f"{one}/images/{{image:int}}/thumbnail", thumbnail),
        Route(f"{one}/images/{{image:int}}/pixels", pixels),
        Route(f"{one}/changes", change, methods=["POST"]),
    ]


def _unreadable(error: ImageError) -> RequestError:
    return RequestError(410, f"this image cannot be read now: {error.reason}")
