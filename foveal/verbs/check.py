"""Check DATA: what is in it and what is wrong with it; nothing of the user's is changed.

Knows nothing of how findings are made or drawn.
"""

from __future__ import annotations

from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import listed
from foveal.doctor.check import run_checks as doctor
from foveal.doctor.findings import CheckResult
from foveal.progress import Progress, silent


def check(
    data: str | Path | Dataset, *, report: str | Path | None = None, progress: Progress = silent
) -> CheckResult:
    """What is in DATA: counts, images that cannot be used, findings with advice.

    data: a folder, table or archive, or a Listing of one's own.  report: where to write one
    HTML page with thumbnails.  Raises DataError where DATA is not there or cannot be listed.
    """
    listing = data if isinstance(data, Dataset) else listed(data)
    checked = doctor(listing, progress=progress)
    if report is not None:
        from foveal.doctor.page import check_page
        from foveal.files import write_atomic

        write_atomic(Path(report), check_page(listing, checked))
    return checked
