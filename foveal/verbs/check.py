"""Check DATA: what is in it and what is wrong with it; nothing of the user's is changed."""

from __future__ import annotations

from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.doctor.check import run_checks
from foveal.doctor.findings import CheckResult
from foveal.progress import Progress, silent


def check(
    data: str | Path | Dataset,
    *,
    root: str | Path | None = None,
    report: str | Path | None = None,
    progress: Progress = silent,
) -> CheckResult:
    """What is in DATA: counts, images that cannot be used, findings with advice.

    data: a folder, table or archive, or a Dataset.  root: the folder of a table's
    images.  report: where to write an HTML page with thumbnails.
    Raises DataError where DATA does not exist or cannot be opened.
    """
    dataset = open_dataset(data, root=root, allow_empty=True)
    result = run_checks(dataset, progress=progress)
    if report is not None:
        from foveal.doctor.page import check_page
        from foveal.files import write_atomic

        write_atomic(Path(report), check_page(dataset, result))
    return result
