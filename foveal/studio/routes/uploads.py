"""Uploads, folders of this machine, and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Base64Bytes, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.serving.errors import RequestError
from foveal.studio.project.export import export_folders, project_csv
from foveal.studio.project.project import Project
from foveal.studio.repeat import repeat_in_project, repeat_upload
from foveal.studio.repeats import keep_line
from foveal.studio.responses import Body, json_post, json_response, read_json
from foveal.studio.security import BINARY, media_type
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import TaskProgress
from foveal.studio.uploads.folder import add_folder
from foveal.studio.uploads.layout import read_upload_layout
from foveal.studio.uploads.machine_path import read_machine_image
from foveal.studio.uploads.upload import (
    UploadOptions,
    byte_limit,
    incoming_file,
    take_upload,
    too_large,
)
from foveal.text import printable

_MAX_LAYOUT_BYTES = 64 << 20
"""Of the names of dropped files, and of tables among them."""
_OPTIONS = ("name", "label", "split", "group", "batch", "added")


class FolderPath(Body):
    """The whole path of a folder or table on the machine that runs the studio."""

    path: str


class DroppedFolders(Body):
    """Of files to be uploaded: the path of each folder, from the dropped one -> names of its files.

    tables: the contents of tables among them by path, in base64.
    """

    folders: dict[str, list[str]]
    tables: dict[str, Base64Bytes] = Field(default_factory=dict)


class ImagePath(Body):
    """The whole path or file:// address of an image on that machine."""

    path: str


class ExportFolder(Body):
    """The whole path of a new folder."""

    folder: str


def upload_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P: uploads, folders, export.

    And how dropped folders are read, and an image of this machine to try.
    """

    def name_of(project: Project) -> str:
        return str(state.workspace.project_facts(project.id)["name"])

    async def upload(request: Request) -> Response:
        options = _upload_options(request)
        project = await run_in_threadpool(state.project, request)
        thumbnails = await run_in_threadpool(state.projects.thumbnails, project.id)

        def work(progress: TaskProgress) -> dict[str, Any]:
            added = take_upload(project, thumbnails, file, options, progress=progress)
            return added.to_data()

        with incoming_file(project) as file:
            await _receive(request, file)
            answer = await run_in_threadpool(state.tasks.run, project.id, "upload", work)
        same = repeat_upload(state.workspace, name_of(project), **options.given())
        return json_response({**answer, **same})

    def folder(request: Request, body: FolderPath) -> dict[str, Any]:
        project = state.project(request)

        def work(progress: TaskProgress) -> dict[str, Any]:
            return add_folder(project, body.path, progress).to_data()

        added = state.tasks.run(project.id, "folder", work)
        return {**added, **repeat_upload(state.workspace, name_of(project), body.path)}

    def layout(_: Request, body: DroppedFolders) -> dict[str, Any]:
        return read_upload_layout(body.folders, body.tables).to_data()

    async def image_file(request: Request) -> Response:
        body = await read_json(request, ImagePath)
        content = await run_in_threadpool(read_machine_image, body.path)
        return Response(content, media_type=BINARY)

    def download(request: Request) -> Response:
        if request.query_params.get("as") != "csv":
            raise RequestError(422, "a project is downloaded as=csv; folders are made with POST")
        content = project_csv(state.project(request)).encode("utf-8")
        headers = {"content-disposition": 'attachment; filename="images.csv"'}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)

    def export(request: Request, body: ExportFolder) -> dict[str, Any]:
        project = state.project(request)

        def work(progress: TaskProgress) -> dict[str, Any]:
            copied, skipped = export_folders(project, body.folder, progress=progress)
            return _exported(body.folder, copied, skipped)

        words, call = ["--export", body.folder], f"export({body.folder!r})"
        done = state.tasks.run(project.id, "export", work)
        same = repeat_in_project(state.workspace, name_of(project), words, call)
        return {**done, **keep_line(project, project.folder, same)}

    one = "/api/projects/{project}"
    return [
        Route(f"{one}/uploads", upload, methods=["POST"]),
        json_post("/api/upload-layout", DroppedFolders, layout, max_bytes=_MAX_LAYOUT_BYTES),
        json_post(f"{one}/folders", FolderPath, folder),
        Route("/api/image-file", image_file, methods=["POST"]),
        Route(f"{one}/export", download),
        json_post(f"{one}/export", ExportFolder, export),
    ]


def _upload_options(request: Request) -> UploadOptions:
    if media_type(request) != BINARY:
        raise RequestError(415, f"files are sent as {BINARY}")
    for name in request.query_params:
        if name not in _OPTIONS:
            valid = ", ".join(_OPTIONS)
            raise RequestError(
                422, f"unknown parameter '{printable(name[:64])}'; valid parameters: {valid}"
            )
    given = {name: request.query_params[name] for name in _OPTIONS if name in request.query_params}
    return UploadOptions(**given)


async def _receive(request: Request, file: Path) -> None:
    """Write the body into `file`.  Raises RequestError 413 over the limit of its kind."""
    limit = received = 0
    with file.open("wb") as out:
        async for chunk in request.stream():
            if not chunk:
                continue
            if not received:
                limit = byte_limit(chunk, file.parent)
            received += len(chunk)
            if received > limit:
                raise RequestError(413, str(too_large(limit)))
            await run_in_threadpool(out.write, chunk)


def _exported(folder: str, copied: int, skipped: list[tuple[str, str]]) -> dict[str, Any]:
    listed = [{"name": printable(name), "reason": reason} for name, reason in skipped[:1000]]
    return {
        "folder": printable(folder),
        "copied": copied,
        "skipped": listed,
        "skipped_count": len(skipped),
    }
