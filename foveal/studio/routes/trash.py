"""The trash: what is in it, bringing one back, and emptying it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.studio.responses import Empty, json_get, json_post, json_response
from foveal.studio.state import StudioState


def trash_routes(state: StudioState) -> list[Route]:
    """Routes of /api/trash."""
    trash = state.trash

    def listed(_request: Request) -> list[dict[str, Any]]:
        return trash.listed()

    def restore(request: Request, _body: Empty) -> dict[str, Any]:
        project, run = trash.restore(request.path_params["key"])
        if run is not None:
            status = state.runs.status(state.runs.folder(project, run))
            state.events.publish(project, "run", status.to_data())
        return {"project": project, "run": run}

    def empty(_request: Request) -> Response:
        trash.empty()
        return json_response({})

    return [
        json_get("/api/trash", listed),
        Route("/api/trash", empty, methods=["DELETE"]),
        json_post("/api/trash/{key}/restore", Empty, restore),
    ]
