"""Data sets of every kind, read as check and train read them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from samples import LABELS, encoded


def _members() -> dict[str, bytes]:
    members = {f"train/{label}/{n}.png": encoded(n) for n, label in enumerate(LABELS[:3])}
    return members | {"test/ant/9.jpg": encoded(9, "JPEG"), "Thumbs.db": b"x"}


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
        members[f"{number:04d}.png"] = encoded(number)
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
        (folder / row["path"]).write_bytes(encoded(row["n"]))


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

    images = [{"bytes": encoded(row["n"]), "path": row["path"]} for row in _rows()]
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
