"""The page at /, the list of models, the numbers, and explanations of one image.

Knows nothing of how a page or an explanation is made.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request
from starlette.responses import HTMLResponse, Response

from foveal.errors import Error, ImageError
from foveal.serving import body as bodies
from foveal.serving.errors import RequestError, busy
from foveal.serving.openapi import failing, sending
from foveal.serving.routes.predict import ModelName
from foveal.serving.schemas import ModelList
from foveal.serving.state import Explain, ServerState

Language = Annotated[
    Literal["en", "ko"] | None, Query(description="Without it, what the browser prefers.")
]
_PAGE = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; media-src blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "permissions-policy": "camera=(self)",
}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_HTML = {"text/html": {"schema": {"type": "string"}}}
_BODY = {media: {"schema": {"type": "string", "format": "binary"}} for media in bodies.RAW}


def add_plain(app: FastAPI, room: ServerState) -> None:
    """Add the page, the models' names and the numbers."""

    @app.get("/", response_class=HTMLResponse, responses=failing(422))
    async def page(request: Request, lang: Language = None) -> Response:
        """A page to drop an image on, or use the camera, and see the answer."""
        from foveal.pages import render

        data = {
            "models": list(room.models.models),
            "token": room.settings.token is not None,
            "explain": room.explain is not None,
            "bytes": room.settings.limits.body_bytes,
        }
        return HTMLResponse(render("serve", data, lang or _preferred(request)), headers=_PAGE)

    @app.get("/models", responses=failing(422))
    async def models() -> ModelList:
        """The names of the models here."""
        return ModelList(models=list(room.models.models))

    @app.get(
        "/metrics", responses={200: {"content": _TEXT}, **failing(422)}, response_class=Response
    )
    async def metrics() -> Response:
        """Numbers for Prometheus."""
        text = await asyncio.to_thread(room.metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _preferred(request: Request) -> str:
    wanted = request.headers.get("accept-language", "").lower()
    return "ko" if wanted.startswith("ko") else "en"


def add_explain(app: FastAPI, room: ServerState, explain: Explain) -> None:
    """Add the route that explains; only native models can be explained."""

    @app.post(
        "/explain",
        response_class=HTMLResponse,
        responses={200: {"content": _HTML}, **failing(404, 408, 409, 413, 415, 422, 503)},
        openapi_extra=sending(_BODY),
    )
    async def explained(
        request: Request, model: ModelName = None, lang: Language = None
    ) -> Response:
        """One page that shows what the network saw on the image and why it said so."""
        served = room.models.get(model)
        if not served.native:
            raise RequestError(
                409, "this model is an exported file; only a native one can be explained"
            )
        if bodies.kind(request) != "raw":
            raise RequestError(
                415, "send one image's bytes, as image/* or application/octet-stream"
            )
        _refuse_second(room)
        async with room.bodies.body(request) as body:
            html = await _explain(room, explain, served.path, body, lang or _preferred(request))
        return HTMLResponse(html, headers={"content-security-policy": "sandbox allow-scripts"})


def _refuse_second(room: ServerState) -> None:
    if room.explaining:
        room.metrics.shed.labels("explaining").inc()
        raise busy("another image is being explained; try again", 5)


async def _explain(room: ServerState, explain: Explain, path: Path, body: bytes, lang: str) -> str:
    """Explain on a thread of its own; one at a time, and until it is done no other."""
    _refuse_second(room)  # one may have begun while this body came
    room.explaining = True

    def work() -> str:
        try:
            return explain(path, body, lang)
        finally:
            room.explaining = False

    try:
        async with asyncio.timeout(room.settings.limits.explain_seconds):
            return await asyncio.to_thread(work)
    except TimeoutError:
        raise busy("the explanation was not done in time; try again", 10) from None
    except ImageError as error:
        raise RequestError(422, error.reason) from None
    except Error as error:
        room.log("not explained", level="warning", reason=str(error))
        raise RequestError(409, "this model cannot be explained here; the log says why") from None
