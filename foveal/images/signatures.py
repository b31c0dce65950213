"""Names by its first bytes what a file is that is not read as an image, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

HEIC_REASON = "a HEIC photo: read with  pip install 'foveal[heic]', or save it as JPEG"
"""Where pillow-heif is missing."""
_HEIC_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"heif")
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_CONVERT = "convert it to PNG or JPEG"
_KEEP_LEVELS = "convert it to a 16-bit PNG or TIFF"
_DEVELOP = "develop it to JPEG or TIFF"
_NOT_AN_IMAGE = "not an image"
_LFS = "not an image: a Git LFS pointer; fetch the file with git lfs pull"

# fmt: off
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", "a gzip-packed file: unpack it with gunzip"),
    (0, b"PK\x03\x04", "a .zip archive or Office document, " + _NOT_AN_IMAGE),
    (0, b"Rar!", "a .rar archive, " + _NOT_AN_IMAGE),
    (0, b"7z\xbc\xaf\x27\x1c", "a .7z archive, " + _NOT_AN_IMAGE),
    (0, b"BZh", "a bzip2-packed file: unpack it with bunzip2"),
    (0, b"\xfd7zXZ\0", "an xz-packed file: unpack it with unxz"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd-packed file: unpack it with unzstd"),
    (257, b"ustar", "a .tar archive, " + _NOT_AN_IMAGE),
    (128, b"DICM", f"a DICOM file: {_KEEP_LEVELS}"),
    (0, b"II*\0\x10\0\0\0CR", f"a camera RAW photo (CR2): {_DEVELOP}"),
    (0, b"FUJIFILMCCD-RAW", f"a camera RAW photo (RAF): {_DEVELOP}"),
    (0, b"IIRO", f"a camera RAW photo (ORF): {_DEVELOP}"),
    (0, b"IIRS", f"a camera RAW photo (ORF): {_DEVELOP}"),
    (0, b"IIU\0", f"a camera RAW photo (RW2): {_DEVELOP}"),
    (0, b"FOVb", f"a camera RAW photo (X3F): {_DEVELOP}"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", f"a JPEG 2000 image: {_CONVERT}"),
    (0, b"\xff\x4f\xff\x51", f"a JPEG 2000 image: {_CONVERT}"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", f"a JPEG XL image: {_CONVERT}"),
    (0, b"\xff\x0a", f"a JPEG XL image: {_CONVERT}"),
    (0, b"II\xbc", f"a JPEG XR image: {_CONVERT}"),
    (0, b"8BPS", f"a Photoshop document (PSD): {_CONVERT}"),
    (0, b"gimp xcf", f"a GIMP document (XCF): {_CONVERT}"),
    (0, b"%PDF", "a PDF document: save its pages as images"),
    (0, b"%!PS", f"a PostScript drawing: {_CONVERT}"),
    (0, b"\0\0\x01\0", f"a Windows icon (ICO): {_CONVERT}"),
    (0, b"icns", f"a macOS icon (ICNS): {_CONVERT}"),
    (0, b"DDS ", f"a DirectDraw texture (DDS): {_CONVERT}"),
    (0, b"\x76\x2f\x31\x01", f"an OpenEXR image: {_KEEP_LEVELS}"),
    (0, b"#?RADIANCE", f"a Radiance HDR image: {_KEEP_LEVELS}"),
    (0, b"SIMPLE  =", f"a FITS image: {_KEEP_LEVELS}"),
    (344, b"n+1\0", "a NIfTI volume: save its slices as 16-bit PNG or TIFF"),
    (0, b"\x93NUMPY", f"a NumPy array: {_KEEP_LEVELS}"),
    (0, b"\x89HDF\r\n", "an HDF5 file, " + _NOT_AN_IMAGE),
    (0, b"SQLite format 3", "an SQLite database, " + _NOT_AN_IMAGE),
    (0, b"\x00\x05\x16\x07", "macOS metadata (AppleDouble), " + _NOT_AN_IMAGE),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM): extract its frames"),
    (8, b"AVI ", "a video (AVI): extract its frames"),
    (8, b"WAVE", "a sound (WAV), " + _NOT_AN_IMAGE),
    (0, b"ID3", "a sound (MP3), " + _NOT_AN_IMAGE),
    (0, b"\0\0\x01\xba", "a video (MPEG): extract its frames"),
    (0, b"version https://git-lfs.", _LFS),
    (0, b"\xff\xd8\xff", "damaged: it begins as a JPEG, but its header cannot be read"),
    (0, b"\x89PNG", "damaged: it begins as a PNG, but its header cannot be read"),
    (0, b"GIF8", "damaged: it begins as a GIF, but its header cannot be read"),
    (8, b"WEBP", "damaged: it begins as a WebP, but its header cannot be read"),
    (0, b"II*\0", "a TIFF that cannot be read: damaged, or of unknown channels or sample format"),
    (0, b"MM\0*", "a TIFF that cannot be read: damaged, or of unknown channels or sample format"),
)
# fmt: on
"""Offset, bytes and reason; the first that matches counts."""
_SUPPORTED = "JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC"


def is_heic(content: bytes) -> bool:
    """Whether an ISO media file names a HEIC brand; AVIF has the same container."""
    brands = set(_brands(content))
    return bool(brands & _HEIC_BRANDS) and not brands & _AVIF_BRANDS


def unidentified_reason(content: bytes) -> str:
    """Why a file that no decoder takes cannot be used: what it is, and what to do."""
    for offset, signature, reason in _SIGNATURES:
        if content.startswith(signature, offset):
            return reason
    if content[4:8] == b"ftyp":
        return _media_reason(content)
    if content.endswith(b"TRUEVISION-XFILE.\0"):
        return f"a Targa image (TGA): {_CONVERT}"
    if content.count(0) == len(content):
        return "not an image: zero bytes only, as an interrupted copy leaves"
    return _text_reason(content[:1024])


def _media_reason(content: bytes) -> str:
    brands = set(_brands(content))
    if brands & _AVIF_BRANDS:
        return "damaged: it begins as an AVIF, but its header cannot be read"
    if brands & _HEIC_BRANDS:
        return "damaged: it begins as a HEIC photo, but its header cannot be read"
    if b"crx " in brands:
        return f"a camera RAW photo (CR3): {_DEVELOP}"
    return "a video (MP4 or QuickTime): extract its frames"


def _brands(content: bytes) -> Iterator[bytes]:
    """The major and the compatible brands of an ISO media file; none of another file."""
    if content[4:8] != b"ftyp":
        return
    end = min(int.from_bytes(content[:4]), 512, len(content))
    yield content[8:12]
    for start in range(16, end - 3, 4):
        yield content[start : start + 4]


def _text_reason(start: bytes) -> str:
    lowered = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in lowered:
        return f"an SVG drawing, which has no pixels: {_CONVERT}"
    if lowered.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        return "not an image: a web page (HTML); fetch the file again"
    if lowered.startswith(b"<?xml"):
        return "not an image: XML text"
    if lowered[:1] == b"p" and lowered[1:2] in b"1234567f" and lowered[2:3].isspace():
        return f"a Netpbm image (PBM, PGM, PPM, PFM): {_CONVERT}"
    text = _first_line(start)
    reason = f"not a supported image format ({_SUPPORTED})"
    return f"{reason}, but text that starts with {text!r}" if text else reason


def _first_line(content: bytes) -> str:
    """Up to 40 characters of the first line of a text, such as an error a server sent; else ''."""
    line = content[:160].decode("utf-8", "ignore").strip().partition("\n")[0].strip()[:40]
    return line if b"\0" not in content and len(line) >= 8 and line.isprintable() else ""
