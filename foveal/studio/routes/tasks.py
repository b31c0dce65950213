"""The long work of a project: what is running, and its end."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from foveal.studio.responses import Empty, json_get, json_post
from foveal.studio.state import StudioState


def task_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/tasks."""

    def tasks(request: Request) -> list[dict[str, Any]]:
        project = request.path_params["project"]
        state.workspace.project_folder(project)
        return [task.to_data() for task in state.tasks.running(project)]

    def cancel(request: Request, _body: Empty) -> dict[str, Any]:
        state.tasks.cancel(request.path_params["project"], request.path_params["task"])
        return {}

    one = "/api/projects/{project}/tasks"
    return [json_get(one, tasks), json_post(f"{one}/{{task}}/cancel", Empty, cancel)]
