"""The list of projects, and creating, naming, opening and deleting one; its stream of events."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from foveal import __version__
from foveal.pretrained.catalog import CATALOG, find_installed
from foveal.studio.repeats import repeat_lines
from foveal.studio.responses import Body, json_get, json_post, json_response
from foveal.studio.state import StudioState


class ProjectName(Body):
    """The name of a project, new or changed."""

    name: str


def project_routes(state: StudioState) -> list[Route]:
    """Routes of /api/studio, /api/projects, /api/projects/P and its repeat."""
    workspace = state.workspace

    def studio(_request: Request) -> dict[str, Any]:
        return {
            "version": __version__,
            "workspace": str(workspace.folder),
            "projects": [state.projects.listed(each) for each in workspace.project_ids()],
            "pretrained": [
                {"name": name, "installed": find_installed(name) is not None} for name in CATALOG
            ],
        }

    def create(_request: Request, body: ProjectName) -> dict[str, Any]:
        return state.projects.listed(workspace.create_project(body.name))

    def rename(request: Request, body: ProjectName) -> dict[str, Any]:
        project = request.path_params["project"]
        workspace.rename_project(project, body.name)
        state.events.publish(project, "project", {})
        return state.projects.listed(project)

    def delete(request: Request) -> Response:
        project = request.path_params["project"]
        with state.runs.without_runs(project):
            folder = workspace.project_folder(project)
        state.end_work(folder, project)
        with state.runs.without_runs(project):  # one may have begun meanwhile
            state.projects.delete(project)
        state.events.publish(project, "deleted", {})
        return json_response({})

    def show(request: Request) -> dict[str, Any]:
        return state.projects.facts(request.path_params["project"])

    def repeated(request: Request) -> list[dict[str, str]]:
        return repeat_lines(workspace, state.project(request))

    async def events(request: Request) -> Response:
        project = request.path_params["project"]
        workspace.project_folder(project)
        stream = state.events.stream(project, request.headers.get("last-event-id"))
        return StreamingResponse(stream, media_type="text/event-stream")

    one = "/api/projects/{project}"
    return [
        json_get("/api/studio", studio),
        json_post("/api/projects", ProjectName, create, 201),
        json_get(one, show),
        json_post(one, ProjectName, rename),
        Route(one, delete, methods=["DELETE"]),
        json_get(f"{one}/repeat", repeated),
        Route(f"{one}/events", events),
    ]
