"""How routes read bodies and answer with JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.images.limits import MAX_FILE_BYTES
from foveal.serving.errors import RequestError
from foveal.studio.security import JSON, media_type
from foveal.studio.validation import first_reason

MAX_JSON_BYTES = 16 << 20
_Body = TypeVar("_Body", bound=BaseModel)


class Body(BaseModel):
    """The JSON object of a request; unknown keys are refused, and numbers like 1e999."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ImageId(Body):
    """An image of the project."""

    image: int


class Empty(Body):
    """An object without keys: the path says it all."""


def json_response(data: Any, status: int = 200) -> Response:
    r"""`data` as JSON; bytes of file names that are no text become escapes (\udcXX)."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    content = text.encode("utf-8", "backslashreplace")
    return Response(content, status, media_type=JSON)


def json_get(path: str, work: Callable[[Request], Any]) -> Route:
    """GET `path`: what `work` returns, as JSON.  It runs in a thread."""

    def endpoint(request: Request) -> Response:
        return json_response(work(request))

    return Route(path, endpoint)


def json_post(
    path: str,
    kind: type[_Body],
    work: Callable[[Request, _Body], Any],
    status: int = 200,
    max_bytes: int = MAX_JSON_BYTES,
) -> Route:
    """POST `path` with a JSON body: what `work` of it returns, as JSON.  It runs in a thread."""

    async def endpoint(request: Request) -> Response:
        body = await read_json(request, kind, max_bytes)
        return json_response(await run_in_threadpool(work, request, body), status)

    return Route(path, endpoint, methods=["POST"])


def image_post(
    path: str,
    find: Callable[[str, int], Path],
    work: Callable[[Request, Path | bytes], Any],
) -> Route:
    """POST `path` with an image, by its id as JSON or as bytes: what `work` of it returns, as JSON.

    find: the file of an image, by the project and its id.
    """

    async def endpoint(request: Request) -> Response:
        image: Path | bytes
        if media_type(request) == JSON:
            body = await read_json(request, ImageId)
            image = await run_in_threadpool(find, request.path_params["project"], body.image)
        else:
            image = await read_body(request, MAX_FILE_BYTES)
        return json_response(await run_in_threadpool(work, request, image))

    return Route(path, endpoint, methods=["POST"])


def small_number(text: str) -> int | None:
    """A whole number in an address; None for other text, and for more digits than 64 bits have."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def read_json(request: Request, kind: type[_Body], max_bytes: int = MAX_JSON_BYTES) -> _Body:
    """The request's body as `kind`.  Raises RequestError 413, 415 or 422 with one sentence."""
    if media_type(request) != JSON:
        raise RequestError(415, f"this path takes {JSON}")
    content = await read_body(request, max_bytes)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise RequestError(422, _reason(error)) from None


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body.  Raises RequestError 413 where it has more than `max_bytes`."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise RequestError(413, f"the body is larger than {max_bytes:,} bytes")
    return bytes(content)


def _reason(error: ValidationError) -> str:
    reason = first_reason(error)
    has_place = bool(error.errors(include_url=False)[0]["loc"])
    return reason if has_place else f"the body is not as this path needs it: {reason}"
