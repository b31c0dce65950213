"""Findings of the check, and the queue of images without a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.studio.project.project import Project
from foveal.studio.repeat import repeat
from foveal.studio.responses import Empty, json_response, read_json
from foveal.studio.review.findings import TABLE, find, findings_data
from foveal.studio.review.queue import fill, queue_data
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import TaskProgress


def review_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P: findings, queue."""

    def project_of(request: Request) -> Project:
        return state.projects.get(request.path_params["project"])

    async def start(
        request: Request, kind: str, work: Callable[[Project, TaskProgress], dict[str, Any]]
    ) -> tuple[Project, str]:
        await read_json(request, Empty)
        project = await run_in_threadpool(project_of, request)
        return project, state.tasks.start(project.id, kind, lambda each: work(project, each))

    def findings(request: Request) -> Response:
        project = project_of(request)
        return json_response(findings_data(project, state.tasks.latest(project.id, "findings")))

    async def check(request: Request) -> Response:
        project, task = await start(request, "findings", find)
        table = project.folder / TABLE
        same = repeat(["check", table], f"print(foveal.check({str(table)!r}))")
        return json_response({"task": task, **same})

    def queue(request: Request) -> Response:
        project = project_of(request)
        return json_response(queue_data(project, state.tasks.latest(project.id, "queue")))

    async def propose(request: Request) -> Response:
        _, task = await start(request, "queue", fill)
        return json_response({"task": task})

    one = "/api/projects/{project}"
    return [
        Route(f"{one}/findings", findings),
        Route(f"{one}/findings", check, methods=["POST"]),
        Route(f"{one}/queue", queue),
        Route(f"{one}/queue", propose, methods=["POST"]),
    ]
