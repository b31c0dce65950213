"""The list of projects, and creating, naming, opening and deleting one; its stream of events."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from foveal import __version__
from foveal.errors import UsageError
from foveal.pretrained.catalog import CATALOG, find_installed
from foveal.studio.responses import Body, json_response, read_json
from foveal.studio.state import StudioState


class ProjectName(Body):
    """The name of a project, new or changed."""

    name: str


def project_routes(state: StudioState) -> list[Route]:
    """Routes of /api/studio, /api/projects and /api/projects/P."""
    workspace = state.workspace

    def studio(_request: Request) -> Response:
        return json_response(
            {
                "version": __version__,
                "workspace": str(workspace.folder),
                "projects": [state.projects.listed(each) for each in workspace.project_ids()],
                "pretrained": [
                    {"name": name, "installed": find_installed(name) is not None}
                    for name in CATALOG
                ],
            }
        )

    async def create(request: Request) -> Response:
        body = await read_json(request, ProjectName)
        project = await run_in_threadpool(workspace.create_project, body.name)
        return json_response(state.projects.listed(project), 201)

    async def rename(request: Request) -> Response:
        project = request.path_params["project"]
        body = await read_json(request, ProjectName)
        await run_in_threadpool(workspace.rename_project, project, body.name)
        state.events.publish(project, "project", {})
        return json_response(await run_in_threadpool(state.projects.listed, project))

    def delete(request: Request) -> Response:
        project = request.path_params["project"]
        if state.runs.going_on(project):
            raise UsageError("a run of this project is going on; pause it before it is removed")
        state.projects.delete(project)
        state.events.publish(project, "deleted", {})
        return json_response({})

    def show(request: Request) -> Response:
        return json_response(state.projects.facts(request.path_params["project"]))

    async def events(request: Request) -> Response:
        project = request.path_params["project"]
        workspace.project_folder(project)
        stream = state.events.stream(project, request.headers.get("last-event-id"))
        return StreamingResponse(stream, media_type="text/event-stream")

    one = "/api/projects/{project}"
    return [
        Route("/api/studio", studio),
        Route("/api/projects", create, methods=["POST"]),
        Route(one, show),
        Route(one, rename, methods=["POST"]),
        Route(one, delete, methods=["DELETE"]),
        Route(f"{one}/events", events),
    ]
