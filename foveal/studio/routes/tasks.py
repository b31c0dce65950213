"""The long work of a project: what is running, and its end."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.studio.responses import Empty, json_response, read_json
from foveal.studio.state import StudioState


def task_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/tasks."""

    def tasks(request: Request) -> Response:
        project = request.path_params["project"]
        state.workspace.project_folder(project)
        return json_response([task.to_data() for task in state.tasks.running(project)])

    async def cancel(request: Request) -> Response:
        await read_json(request, Empty)
        project, task = request.path_params["project"], request.path_params["task"]
        await run_in_threadpool(state.tasks.cancel, project, task)
        return json_response({})

    one = "/api/projects/{project}/tasks"
    return [Route(one, tasks), Route(f"{one}/{{task}}/cancel", cancel, methods=["POST"])]
