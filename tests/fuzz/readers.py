"""Every reader of the package: a valid example of what it reads, and a call that reads it whole."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

LABELS = ("ant", "bee", "cat", "dog")
NETWORK = """input: {height: 12, width: 10, channels: 3}
preprocess: {fit: crop, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4]}
layers:
- conv: {channels: 6, kernel: 3, stride: 1, padding: same}
- batch_norm
- relu
- {residual: [conv: 6, batch_norm]}
- {concat: {branches: [[conv: 4], [conv: {channels: 4, kernel: 1}]]}}
- max_pool: 2
- global_avg_pool
- dropout: 0.1
- output: softmax
"""
RECIPE = "epochs: 3\nbatch_size: 32\nlearning_rate: 0.01\nmixup_alpha: 0.2\ncompile: off\n"
SPACE = (
    "learning_rate: {low: 0.001, high: 0.1, log: true}\nbatch_size: [16, 32, 64]\n"
    "network: [auto, swift-s]\nsize: {low: 16, high: 64}\n"
)


@dataclass(frozen=True)
class Reader:
    """write: a valid example into an empty folder.  read: the file or folder `main` in it.

    kinds: how files are mutated (see `formats.SEALED` and `mutate`), by the end of their name.
    fixed: files that are not mutated.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], None]
    main: str = ""
    kinds: dict[str, str] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()


def _pixels(seed: int, height: int = 20, width: int = 24, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def _encoded(seed: int, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(_pixels(seed)).save(out, kind, **options)
    return out.getvalue()


# Images


def write_images(folder: Path) -> None:
    image = Image.fromarray(_pixels(0))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "text" * 20
    image.save(folder / "exif.jpg", exif=exif, icc_profile=b"\0" * 200, comment=b"c" * 99)
    image.save(folder / "progressive.jpg", progressive=True, quality=80)
    image.convert("CMYK").save(folder / "cmyk.jpg")
    info = PngInfo()
    info.add_text("Comment", "x" * 500, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    image.save(folder / "text.png", pnginfo=info, exif=exif)
    image.save(folder / "plain.png")
    image.quantize(16).save(folder / "palette.png", transparency=bytes(range(0, 256, 16)))
    deep = (np.arange(480).reshape(20, 24) * 130).astype(np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.fromarray(deep).save(folder / "deep.tif")
    Image.fromarray(deep.astype(np.float32)).save(folder / "float.tif")
    image.save(folder / "lzw.tif", compression="tiff_lzw", exif=exif)
    image.save(folder / "jpeg.tif", compression="jpeg")
    image.save(folder / "plain.bmp")
    image.quantize(8).save(folder / "rle.bmp")
    frames = [Image.fromarray(_pixels(seed)).quantize(8) for seed in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    image.save(folder / "lossy.webp", exif=exif)
    image.save(folder / "lossless.webp", lossless=True)
    Image.fromarray(_pixels(0, channels=4)).save(folder / "alpha.webp")
    image.save(folder / "small.avif", quality=50)
    image.save(folder / "moving.png", save_all=True, append_images=[image.rotate(9)])
    image.save(folder / "several.mpo", save_all=True, append_images=[image.rotate(9)])
    try:
        import pillow_heif

        pillow_heif.from_pillow(image).save(folder / "photo.heic")
    except ImportError:
        pass


def read_image(path: Path) -> None:
    from foveal.dataset.scan.image_stats import compute_image_stats
    from foveal.errors import ImageError
    from foveal.images.decode import decode_array, read_bytes
    from foveal.images.measure import is_special, measure_pixels
    from foveal.images.resize import to_input_pixels
    from foveal.images.thumbnail import thumbnail_uri
    from foveal.spec.preprocess import Input, Preprocess
    from foveal.studio.pixels import size_of, view
    from foveal.studio.uploads.store import decoded_thumbnail, stored_path

    content = read_bytes(path)
    calls: list[Callable[[], object]] = [
        lambda: decode_array(content, channels=3),
        lambda: decode_array(content, channels=1, min_size=(4, 4)),
        lambda: to_input_pixels(path, Input(height=12, width=10, channels=3), Preprocess()),
        lambda: (stored_path(content), decoded_thumbnail(content), size_of(content), view(content)),
        lambda: thumbnail_uri(decode_array(content, channels=3), 64),
        lambda: compute_image_stats(content, full=True),
        lambda: (is_special(content), measure_pixels(content)),
    ]
    errors = []
    for call in calls:
        try:
            call()
        except ImageError as error:
            errors.append(error)
    if errors:
        raise errors[0]


# Models


def _model(labels: tuple[str, ...] = LABELS) -> Any:
    import torch

    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.spec.network import Network
    from foveal.spec.yaml import parse_yaml

    network = parse_yaml(NETWORK, Network)
    torch.manual_seed(0)
    manifest = Manifest(
        network=network,
        labels=labels,
        temperature=1.3,
        recipe={"epochs": 3.0, "mixup_alpha": 0.2},
        data={"train": 40, "fingerprint": "ab"},
        history=({"epoch": 1, "val_accuracy": 0.5, "seconds": 1.0},),
        versions={"torch": "2"},
        weights={"name": "tiny", "source": "https://x", "licence": "MIT", "sha256": "5" * 64},
    )
    return Model(network.build(len(labels)).eval(), manifest, np.arange(9, dtype=np.uint64))


def write_model(folder: Path) -> None:
    from foveal.model.model import save_model

    save_model(folder / "model.safetensors", _model())


def _use_model(path: Path) -> None:
    """What the verbs do with a model: its values, and predictions of images."""
    from foveal.prediction.predictor import Predictor

    predictor = Predictor(path, threads=1)
    images = [_encoded(0), _pixels(1), b"no image"]
    for prediction in predictor.predict(images, top=None):
        json.dumps(prediction.to_data(), allow_nan=False)
    json.dumps(predictor.manifest.model_dump(mode="json"))
    predictor.manifest.to_json()


def read_model(path: Path) -> None:
    from foveal.model.architecture import load_network
    from foveal.verbs.show import show, weights_origin

    weights_origin(path)
    show(path, out=path.parent.parent / "out" / "drawn.svg")
    load_network(path)
    _use_model(path)


def write_onnx(folder: Path) -> None:
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph

    model = _model()
    content = export_graph(model).SerializeToString(deterministic=True)
    (folder / "model.onnx").write_bytes(seal_graph(content, model.manifest))


def write_page(folder: Path) -> None:
    import base64

    from foveal.prediction.page_file import _MODEL_START, GENERATOR

    write_onnx(folder)
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").unlink()
    page = b"<!doctype html><html><head>" + GENERATOR + b"></head><body>\n" + _MODEL_START
    page += base64.b64encode(content) + b"</script><p>words</p></body></html>"
    (folder / "model.html").write_bytes(page)


def write_litert(folder: Path) -> None:
    source = Path(__file__).resolve().parents[1] / "data" / "litert" / "model.tflite"
    (folder / "model.tflite").write_bytes(source.read_bytes())


# Weights of others


def _small_weights() -> dict[str, Any]:
    return dict(_model().module.state_dict())


def write_torch(folder: Path) -> None:
    import torch

    (folder / "network.yaml").write_text(NETWORK)
    (folder / "labels.txt").write_text("\n".join(LABELS))
    torch.save({"state_dict": _small_weights(), "epoch": 3}, folder / "weights.pth")


def write_foreign(folder: Path) -> None:
    from safetensors.torch import save_file

    (folder / "network.yaml").write_text(NETWORK)
    (folder / "labels.txt").write_text("\n".join(LABELS))
    save_file(_small_weights(), folder / "weights.safetensors", {"format": "pt"})
    config = {"architecture": "tf_x", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3]}}
    config["pretrained_cfg"] |= {"std": [1, 1, 1], "crop_pct": 0.9, "interpolation": "bicubic"}  # type: ignore[operator]
    (folder / "config.json").write_text(json.dumps(config))


def read_weights_file(path: Path) -> None:
    from foveal.verbs.pretrained import add_pretrained

    folder = path.parent
    added = add_pretrained(
        path,
        network=str(folder / "network.yaml"),
        labels=folder / "labels.txt",
        out=folder.parent / "out" / "model.safetensors",
    )
    _use_model(added.path)


# Data


def _members() -> dict[str, bytes]:
    members = {f"train/{label}/{n}.png": _encoded(n) for n, label in enumerate(LABELS[:3])}
    return members | {"test/ant/9.jpg": _encoded(9, "JPEG"), "Thumbs.db": b"x"}


def write_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members().items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        link = zipfile.ZipInfo("train/bee/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../ant/0.png")


def write_table_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        rows = ["path,label,split"]
        for name, content in _members().items():
            archive.writestr(zipfile.ZipInfo(name), content)
            if name.endswith("g"):
                rows.append(f"{name},{name.split('/')[1]},train")
        archive.writestr(zipfile.ZipInfo("labels.csv"), "\n".join(rows))


def _write_tar(path: Path, members: dict[str, bytes], links: dict[str, str]) -> None:
    import tarfile

    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name.startswith("train"):
                info.pax_headers = {"comment": "x" * 50}
            archive.addfile(info, io.BytesIO(content))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)


def write_tar(folder: Path) -> None:
    _write_tar(folder / "data.tar", _members(), {"train/bee/link.png": "../ant/0.png"})


def write_foreign_shard(folder: Path) -> None:
    members = {}
    for number in range(4):
        about = {"label": LABELS[number % 2], "split": "train", "columns": {"a": "b"}}
        members[f"{number:04d}.png"] = _encoded(number)
        members[f"{number:04d}.json"] = json.dumps(about).encode()
        members[f"{number:04d}.cls"] = str(number % 2).encode()
    _write_tar(folder / "shard-000.tar", members, {})


def write_shards(folder: Path) -> None:
    from foveal.verbs.pack import pack

    source = folder.parent / "unpacked"
    write_folder(source)
    pack(source, folder / "shards")
    for file in (folder / "shards").iterdir():
        file.rename(folder / file.name)
    (folder / "shards").rmdir()


def write_folder(folder: Path) -> None:
    for name, content in _members().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _rows() -> list[dict[str, Any]]:
    return [
        {"path": f"{n}.png", "label": LABELS[n % 2], "split": "train", "group": f"g{n}", "n": n}
        for n in range(5)
    ]


def _write_row_images(folder: Path) -> None:
    for row in _rows():
        (folder / row["path"]).write_bytes(_encoded(row["n"]))


def write_csv(folder: Path) -> None:
    _write_row_images(folder)
    lines = [",".join(map(str, row.values())) for row in _rows()]
    text = "path,label,split,group,n\n" + "\n".join(lines) + '\n"../x.png","a ""b""",test,,7\n'
    (folder / "labels.csv").write_text(text)


def write_tsv(folder: Path) -> None:
    write_csv(folder)
    text = (folder / "labels.csv").read_text().replace(",", "\t")
    (folder / "labels.csv").unlink()
    (folder / "labels.tsv").write_bytes(text.encode("utf-16"))


def write_jsonl(folder: Path) -> None:
    _write_row_images(folder)
    rows = [{**row, "label": [row["label"], "x"]} for row in _rows()]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))


def write_metadata(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / split).mkdir()
        _write_row_images(folder / split)
        rows = [{"file_name": row["path"], "label": row["label"]} for row in _rows()]
        (folder / split / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))


def write_parquet(folder: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    images = [{"bytes": _encoded(row["n"]), "path": row["path"]} for row in _rows()]
    info = {"info": {"features": {"label": {"names": list(LABELS), "_type": "ClassLabel"}}}}
    table = pa.table({"image": images, "label": [row["n"] % 2 for row in _rows()]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, folder / "train.parquet", row_group_size=2)


def write_parquet_table(folder: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    _write_row_images(folder)
    pq.write_table(pa.Table.from_pylist(_rows()), folder / "labels.parquet")


def read_data(path: Path) -> None:
    """What check and train read: labels, every image, the split."""
    from foveal.dataset.open import open_dataset
    from foveal.dataset.split import assign_splits
    from foveal.errors import ImageError
    from foveal.images.decode import decode_array
    from foveal.prediction.inputs import iter_inputs

    for item in iter_inputs(str(path)):
        json.dumps([item.path, item.error])
    dataset = open_dataset(path)
    for row in range(min(len(dataset), 8)):
        try:
            decode_array(dataset.read(row), channels=3)
        except ImageError:
            continue
    dataset.fingerprint(range(len(dataset)))
    json.dumps([dataset.paths, dataset.labels, dataset.classes, dataset.splits, dataset.groups])
    if len(dataset):
        assign_splits(dataset)


# Values in YAML, labels


def write_yaml(folder: Path) -> None:
    (folder / "network.yaml").write_text(NETWORK)


def read_network(path: Path) -> None:
    from foveal.spec.network import Network
    from foveal.studio.network import Trained, check_network
    from foveal.verbs.show import show

    summary = show(path, out=path.parent.parent / "out" / "drawn.svg")
    json.dumps(summary.to_data())
    text = path.read_bytes().decode("utf-8", "replace")
    json.dumps(check_network(text, Trained(4)))
    if not summary.errors:
        Network.load(path).to_pytorch(4)


def write_recipe(folder: Path) -> None:
    (folder / "recipe.yaml").write_text(RECIPE)


def read_recipe(path: Path) -> None:
    from foveal.spec.recipe import Recipe
    from foveal.spec.yaml import dump_yaml

    dump_yaml(Recipe.load(path).to_data())


def write_space(folder: Path) -> None:
    (folder / "space.yaml").write_text(SPACE)


def read_search_space(path: Path) -> None:
    from foveal.scale.search.space import read_space

    read_space(path)


def write_labels(folder: Path) -> None:
    (folder / "labels.txt").write_text("\n".join(LABELS))


def read_labels_file(path: Path) -> None:
    from foveal.pretrained.labels import read_labels

    read_labels(path)


# Runs


def train_run(data: Path, out: Path) -> None:
    """A run of two epochs on 24 images."""
    from foveal.verbs.train import train

    for number in range(24):
        path = data / LABELS[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_encoded(number))
    network = data.parent / "network.yaml"
    network.write_text(NETWORK)
    train(data, network=network, epochs=2, out=out, device="cpu", track=("steps",))


def write_run(folder: Path) -> None:
    run = folder / "run"
    train_run(folder / "data", run)
    (folder / "network.yaml").unlink()
    for name in ("report.html", "log.jsonl", "model.safetensors", ".lock"):
        (run / name).unlink(missing_ok=True)


def read_run(path: Path) -> None:
    """What goes on with a run, and what only looks at it."""
    from foveal.rundir import read_run_data
    from foveal.training.checkpoint import load_newest
    from foveal.verbs.train import train

    read_run_data(path)
    load_newest(path / "checkpoint")
    train(path.parent / "data", out=path, resume=True, device="cpu")


def write_study(folder: Path) -> None:
    from foveal.model.model import save_model
    from foveal.scale.search.result import write_val_accuracies
    from foveal.scale.search.space import SearchSpace
    from foveal.scale.search.study import FOLDER, SEED, default_trial, open_study, store_space
    from foveal.spec.yaml import parse_yaml

    entries = parse_yaml(SPACE, SearchSpace).entries
    study = open_study(folder, None, 0)
    store_space(study, entries)
    params = {"learning_rate": 0.01, "batch_size": 32, "network": "auto", "size": 32}
    for number in range(3):
        name = f"{number:04d}"
        trial = default_trial(entries, params, 0.5 + number / 10, {FOLDER: name, SEED: 0})
        study.add_trial(trial)
        run = folder / "trials" / name
        run.mkdir(parents=True)
        write_val_accuracies(run, np.random.default_rng(number).integers(0, 2, 40) * 1.0)
        (run / "network.yaml").write_text(NETWORK)
        (run / "recipe.yaml").write_text(RECIPE)
        (run / "log.jsonl").write_text('{"seconds": 1.0, "val_accuracy": 0.5}\n' * 3)
        save_model(run / "model.safetensors", _model())
    study.enqueue_trial(params, user_attrs={FOLDER: "0003", SEED: 1})


def read_study(path: Path) -> None:
    from foveal.scale.search.command import Source
    from foveal.scale.search.report import write_search_report
    from foveal.scale.search.result import write_result
    from foveal.scale.search.study import open_study, release_dead_trials, stored_space, suggest

    study = open_study(path, None, 0)
    entries = stored_space(study)
    release_dead_trials(study, path / "trials")
    suggest(study.ask(), entries)
    result = write_result(study, path, Source(path, None, "auto"))
    write_search_report(result, entries, "data")


# Studio


PROJECT = "0a0b0c0d"
RUN = "20260101-000000"


def write_workspace(folder: Path) -> None:
    from foveal.studio.project.project import Project
    from foveal.studio.runs.request import RunRequest, write_request

    project = folder / "projects" / PROJECT
    project.mkdir(parents=True)
    (folder / "workspace.json").write_text('{"format": 1}')
    (project / "project.json").write_text('{"name": "fruit", "created": 1.5}')
    _fill_project(Project(project, PROJECT), project)
    run = project / "runs" / RUN
    train_run(folder.parent / "images", run)
    write_request(run, RunRequest(name="first", created=2.0, network=NETWORK, epochs=2))
    (run / "run.log").write_text("$ foveal train x\nepoch 1\n")
    rows = [{"path": "a.png", "label": "ant"}]
    (run / "images.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (run / "exports").mkdir()
    exports = {"onnx": {"kind": "onnx", "passed": True, "path": "model.onnx", "bytes": 9}}
    (run / "exports" / "exports.json").write_text(json.dumps(exports))
    (project / "network.json").write_text(json.dumps({"yaml": NETWORK, "reasons": ["a"]}))
    (project / "counts.json").write_text('{"size": 1, "images": 3, "classes": 2}')


def _fill_project(project: Any, folder: Path) -> None:
    from foveal.studio.uploads.rows import Row
    from foveal.studio.uploads.store import store, stored_path

    contents = [_encoded(number) for number in range(6)]
    rows = [Row(f"{n}.png", LABELS[n % 2], n % 4, f"g{n % 2}", bytes) for n in range(6)]
    paths = [stored_path(content) for content in contents]
    for path, content in zip(paths, contents, strict=True):
        store(folder, path, content)
    project.add(rows[:4], paths[:4], "batch")
    project.add(rows[4:], paths[4:], None)
    project.change({"op": "label", "ids": [0, 1], "label": "cat"})
    project.change({"op": "rename_class", "name": "cat", "to": "eel"})
    project.change({"op": "split", "ids": [2], "split": "test"})
    project.change({"op": "group", "ids": [3], "group": "new"})
    project.change({"op": "leave_out", "ids": [5]})
    project.change({"op": "merge_classes", "names": ["eel", "bee"], "to": "bee"})
    project.change({"op": "undo"})
    project.change({"op": "redo"})
    project.close()


class ServerFailure(Exception):
    """A server answered with an error of its own."""


def read_workspace(path: Path) -> None:
    """Every path that can be read of a studio, over its real application."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient

    from foveal.errors import Error
    from foveal.serving.logs import Log
    from foveal.studio.app import create_app
    from foveal.studio.middleware import StudioMiddleware
    from foveal.studio.project.training_table import write_training_table
    from foveal.studio.security import Access
    from foveal.studio.state import create_state
    from foveal.studio.workspace import open_workspace

    written = io.StringIO()
    access = Access("127.0.0.1", 80, "c" * 43, "t" * 43)
    with open_workspace(path) as workspace:
        log = Log(stream=written)
        state = create_state(workspace, access, log)
        try:
            app = StudioMiddleware(create_app(state), access, log)
            headers = {"cookie": f"{access.cookie_name}={access.cookie}", "host": "127.0.0.1"}
            client = TestClient(app, headers=headers, raise_server_exceptions=False)
            for address in _studio_paths():
                answer = client.get(address)
                if answer.status_code >= 500:
                    raise ServerFailure(f"{address}: {answer.text} {written.getvalue()[-3000:]}")
            with contextlib.suppress(Error):
                write_training_table(state.projects.get(PROJECT), path.parent / "out" / "t.jsonl")
        finally:
            state.close()


def _studio_paths() -> list[str]:
    project, run = f"/api/projects/{PROJECT}", f"/api/projects/{PROJECT}/runs/{RUN}"
    paths = ["/api/studio", project]
    paths += [f"{project}/images", f"{project}/images/0", f"{project}/images/4"]
    paths += [f"{project}/images/{n}/{kind}" for n in (0, 4) for kind in ("thumbnail", "pixels")]
    paths += [f"{project}/{name}" for name in ("findings", "predictions", "queue", "network")]
    paths += [f"{project}/runs", run, f"{run}/errors", f"{run}/live", f"{run}/report"]
    paths += [f"{run}/exports", f"{run}/exports/model.onnx", f"{run}/server", f"{run}/model"]
    return [*paths, f"{run}/card", f"{project}/compare?a={RUN}&b={RUN}", f"{project}/tasks"]


IMAGE_KINDS = {".png": "png"}
STUDIO_KINDS = {
    "journal.jsonl": "journal",
    "model.safetensors": "model",
    ".safetensors": "checkpoint",
    ".sqlite": "bytes",
}

READERS = (
    Reader("images", write_images, read_image, "*", IMAGE_KINDS),
    Reader("model", write_model, read_model, "model.safetensors", {".safetensors": "model"}),
    Reader("onnx", write_onnx, _use_model, "model.onnx", {".onnx": "onnx"}),
    Reader("page", write_page, _use_model, "model.html", {".html": "page"}),
    Reader("litert", write_litert, _use_model, "model.tflite", {".tflite": "litert"}),
    Reader("torch", write_torch, read_weights_file, "weights.pth", {".pth": "torch"}),
    Reader("weights", write_foreign, read_weights_file, "weights.safetensors"),
    Reader("zip", write_zip, read_data, "data.zip"),
    Reader("table-zip", write_table_zip, read_data, "data.zip"),
    Reader("tar", write_tar, read_data, "data.tar"),
    Reader("shard", write_foreign_shard, read_data, ""),
    Reader("shards", write_shards, read_data, ""),
    Reader("folder", write_folder, read_data, ""),
    Reader("csv", write_csv, read_data, "labels.csv", fixed=(".png",)),
    Reader("tsv", write_tsv, read_data, "labels.tsv", fixed=(".png",)),
    Reader("jsonl", write_jsonl, read_data, "labels.jsonl", fixed=(".png",)),
    Reader("metadata", write_metadata, read_data, "", fixed=(".png",)),
    Reader("parquet", write_parquet, read_data, ""),
    Reader("parquet-table", write_parquet_table, read_data, "labels.parquet", fixed=(".png",)),
    Reader("network", write_yaml, read_network, "network.yaml"),
    Reader("recipe", write_recipe, read_recipe, "recipe.yaml"),
    Reader("space", write_space, read_search_space, "space.yaml"),
    Reader("labels", write_labels, read_labels_file, "labels.txt"),
    Reader(
        "run", write_run, read_run, "run", {".safetensors": "checkpoint"}, fixed=(".png", ".lock")
    ),
    Reader("study", write_study, read_study, "", {".safetensors": "bytes"}),
    Reader("workspace", write_workspace, read_workspace, "", STUDIO_KINDS),
)
