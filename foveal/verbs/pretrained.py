"""Pretrained weights: list what is known and installed, add a file, download a known one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foveal import cache
from foveal.errors import MissingExtra, UsageError
from foveal.filelock import wait_for_lock
from foveal.files import refuse_overwriting
from foveal.pretrained.catalog import (
    CATALOG,
    MODEL_FILE,
    PretrainedModel,
    cache_entry,
    catalog_model,
    find_installed,
)
from foveal.pretrained.naming import named_networks
from foveal.progress import Progress, silent


@dataclass(frozen=True)
class PretrainedStatus:
    """One entry of the list: what is known of the weights, and where they lie (None: nowhere)."""

    known: PretrainedModel
    path: Path | None

    def to_data(self) -> dict[str, Any]:
        """The object that `pretrained --json` prints."""
        known = self.known
        return {
            "name": known.name,
            "input": [known.input_side_px, known.input_side_px, 3],
            "weights": known.parameters,
            "top1_percent": known.top1_percent,
            "licence": known.licence,
            "source": known.source,
            "path": None if self.path is None else str(self.path),
            "install": known.install_line,
        }


@dataclass(frozen=True)
class AddedModel:
    """A model file that was made of a weights file."""

    path: Path
    network: str
    naming: str
    classes: int
    weights: int
    name: str | None


def list_pretrained() -> tuple[PretrainedStatus, ...]:
    """What is known, in the catalog's order; no weights are read and nothing is imported."""
    return tuple(PretrainedStatus(known, find_installed(name)) for name, known in CATALOG.items())


def add_pretrained(
    weights: str | Path,
    *,
    network: str | None = None,
    naming: str | None = None,
    labels: str | Path | None = None,
    licence: str | None = None,
    source: str | None = None,
    out: str | Path | None = None,
) -> AddedModel:
    """Make a model file of a weights file.

    network: a preset, YAML file or model file, None to find it.  naming: see
    identification.NAMING_HELP.  labels: a file with one class name a line, None for ImageNet's.
    licence, source: of the weights, where the file is not a known one.  out: None keeps it in the
    cache under the network's name.  A `config.json` of timm beside the file is read.  Raises
    UsageError, ModelFileError.
    """
    if find_spec("torch") is None:
        raise MissingExtra("foveal pretrained add", "train")
    from foveal.pretrained.hub_config import read_hub_config, with_preprocess
    from foveal.pretrained.identification import identify
    from foveal.pretrained.labels import read_labels
    from foveal.pretrained.load import known_weights, make_model, with_protocol
    from foveal.pretrained.weights_file import file_sha256, read_weights

    path = Path(weights)
    sources = {"the weights file": path, "the labels file": labels}
    refuse_overwriting(out, sources, suffixes=(".safetensors",))
    names = None if labels is None else read_labels(Path(labels))
    tensors = read_weights(path)
    digest = file_sha256(path)
    known = next((one for one in CATALOG.values() if one.sha256 == digest), None)
    config = read_hub_config(path)
    preferred = None if config is None else config.naming
    candidate = identify(tensors, path, network, naming, preferred=preferred)
    candidate = with_preprocess(candidate, config)
    if known is not None:
        candidate = with_protocol(candidate, known)
        record = known_weights(known)
    else:
        record = _own_record(candidate.naming.name, digest, licence, source)
    model = make_model(candidate, tensors, path, names, record)
    target = _target(candidate.preset, out)
    _save(model, target, candidate.preset)
    parameters = sum(value.numel() for value in model.module.parameters())
    return AddedModel(
        target,
        candidate.preset,
        candidate.naming.name,
        len(model.labels),
        parameters,
        None if known is None else known.name,
    )


def get_pretrained(name: str, *, address: str | None = None, progress: Progress = silent) -> Path:
    """Download known weights into the cache and make their model file; returns its path.

    address: instead of the published one, of the same file.  Raises UsageError for weights that
    come as a package, DownloadError, ModelFileError.
    """
    known = catalog_model(name)
    if known.size_bytes is None or known.address is None:
        raise UsageError(
            f"the weights of {name} come as a package: bring them with  {known.install_line}"
        )
    if find_spec("torch") is None:
        raise MissingExtra("foveal pretrained get", "train")
    from foveal.pretrained.download import download
    from foveal.pretrained.load import read_known

    target = cache_entry(name) / MODEL_FILE
    part = target.parent.with_name(f"{target.parent.name}.part")
    if target.is_file():
        return target
    with wait_for_lock(part, progress):
        if target.is_file():
            return target
        cache.write_about(part, f"download of the pretrained weights {name}")
        file = part / "download.pth"
        download(
            address or known.address,
            file,
            size_bytes=known.size_bytes,
            sha256=known.sha256,
            progress=progress,
        )
        _save(read_known(known, file), target, name)
        cache.remove(part)
    return target


def _own_record(
    naming: str, digest: str, licence: str | None, source: str | None
) -> dict[str, str]:
    record = {"naming": naming, "sha256": digest}
    if licence is not None:
        record["licence"] = licence
    if source is not None:
        record["source"] = source
    return record


def _target(preset: str, out: str | Path | None) -> Path:
    if out is not None:
        return Path(out)
    if preset not in named_networks():
        raise UsageError(
            "the cache keeps only the networks that `foveal pretrained` lists, and "
            f"{preset} is none of them: name the model file to write with --out"
        )
    return cache_entry(preset) / MODEL_FILE


def _save(model: Any, target: Path, name: str) -> None:
    from foveal.model.model import save_model

    if target.parent == cache_entry(name) and not (target.parent / "about.json").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        cache.write_about(target.parent, f"pretrained weights {name}")
    save_model(target, model)
