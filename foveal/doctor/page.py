"""The doctor's report: one HTML page with thumbnails that needs no network and runs no script.

Knows nothing of how findings are made; text of files is escaped, images are made anew.
"""

from __future__ import annotations

from html import escape

from foveal.dataset.dataset import Dataset
from foveal.doctor.findings import CheckResult, Finding
from foveal.errors import ImageError
from foveal.images.decode import decode_image
from foveal.images.thumbnail import thumbnail_uri
from foveal.text import plural, printable

SHOWN = 24
"""Images shown a finding; the others are counted."""
MIN_SIDE, SIDE = 48, 96

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#667;--line:#d5d9e0;
--error:#b3261e;--warning:#8a5a00;--info:#0b5cad}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--paper:#15181c;--soft:#9aa3af;
--line:#343a43;--error:#ff8a80;--warning:#ffca66;--info:#8ec7ff}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:2rem 1rem;
font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:0}
table{border-collapse:collapse;margin:1rem 0}td,th{text-align:left;padding:.2rem 1.2rem .2rem 0;
border-bottom:1px solid var(--line)}td.n{text-align:right;font-variant-numeric:tabular-nums}
section{border:1px solid var(--line);border-left-width:.35rem;border-radius:.4rem;
padding:1rem;margin:1rem 0}section.error{border-left-color:var(--error)}
section.warning{border-left-color:var(--warning)}section.info{border-left-color:var(--info)}
.badge{font-size:.8rem;font-weight:600;text-transform:uppercase;letter-spacing:.04em}
.error .badge{color:var(--error)}.warning .badge{color:var(--warning)}
.info .badge{color:var(--info)}
ul{list-style:none;margin:.8rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.8rem}
figure{margin:0;width:8.5rem}figure img{display:block;max-width:6rem;max-height:6rem;
background:var(--line)}figcaption{font-size:.75rem;color:var(--soft);overflow-wrap:anywhere}
li.pair{display:flex;gap:.3rem;border:1px solid var(--line);border-radius:.3rem;padding:.4rem}
.none{width:6rem;height:6rem;border:1px dashed var(--soft);display:grid;place-items:center;
font-size:.75rem;color:var(--soft)}.soft{color:var(--soft)}
"""


def page(listing: Dataset, checked: CheckResult) -> str:
    """The whole page as text."""
    rows = {path: row for row, path in enumerate(listing.paths)}
    reasons = {item.path: item.reason for item in checked.unusable}
    body = "".join(_section(listing, rows, reasons, one) for one in checked.findings)
    name = escape(printable(listing.root.resolve().name or str(listing.root)))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Check of {name}</title><style>{_STYLE}</style></head><body><main>
<h1>Check of {name}</h1>
<p>{plural(checked.images, "usable image")} in \
{plural(len(checked.classes), "class", "classes")}, \
{len(checked.unusable)} that cannot be used. Nothing was changed.</p>
{_counts(checked)}
{body or "<p>Nothing wrong found.</p>"}
</main></body></html>
"""


def _counts(checked: CheckResult) -> str:
    tables = [("class", checked.classes)]
    if checked.splits:
        tables.append(("split", checked.splits))
    return "".join(
        f'<table><tr><th scope="col">{title}</th><th scope="col">images</th></tr>'
        + "".join(
            f'<tr><td>{escape(printable(name))}</td><td class="n">{count}</td></tr>'
            for name, count in counts.items()
        )
        + "</table>"
        for title, counts in tables
    )


def _section(
    listing: Dataset, rows: dict[str, int], reasons: dict[str, str], finding: Finding
) -> str:
    def figure(path: str) -> str:
        reason = reasons.get(path) if finding.kind == "unusable" else None
        shown = _thumbnail(listing, rows.get(path)) if reason is None else None
        image = (
            f'<img alt="" src="{shown}">' if shown else '<div class="none">no image</div>'
        )  # fmt: skip
        told = escape(printable(path)) + (f"<br>{escape(reason)}" if reason else "")
        return f"<figure>{image}<figcaption>{told}</figcaption></figure>"

    if finding.pairs:
        items = [
            f'<li class="pair">{figure(a)}{figure(b)}</li>' for a, b in finding.pairs[: SHOWN // 2]
        ]
        more = len(finding.pairs) - len(items)
    else:
        items = [f"<li>{figure(path)}</li>" for path in finding.files[:SHOWN]]
        more = len(finding.files) - len(items)
    rest = f'<p class="soft">and {more} more</p>' if more > 0 else ""
    about = f" ({finding.count})" if finding.files else ""
    return (
        f'<section class="{finding.severity}"><span class="badge">{finding.severity}</span>'
        f"<h2>{escape(finding.kind.replace('_', ' '))}{about}</h2><p>{escape(finding.advice)}</p>"
        + (f"<ul>{''.join(items)}</ul>" if items else "")
        + f"{rest}</section>\n"
    )


def _thumbnail(listing: Dataset, row: int | None) -> str | None:
    """A data address of a small PNG or JPEG made from the decoded pixels, so without metadata."""
    if row is None:
        return None
    try:
        image = decode_image(listing.read(row), channels=3, least=(SIDE, SIDE))
    except ImageError:
        return None
    return thumbnail_uri(image, SIDE, min_side=MIN_SIDE)
