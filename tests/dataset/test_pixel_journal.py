"""The journal of a pixel cache."""

from foveal.dataset.pixel_journal import Chunk, append_chunk, read_journal, verified_chunks
from foveal.dataset.scan.image_stats import content_hash

PIXELS = [b"abcd", b"efgh", b"ijkl"]
HASHES = [content_hash(row) for row in PIXELS]
FIRST = Chunk(3, [0, 2], [11, 12], HASHES[:2], [("1.png", "empty file")])
SECOND = Chunk(1, [3], [13], HASHES[2:], [])


def write(folder, chunks, pixels):
    with (folder / "journal").open("wb") as journal:
        for chunk in chunks:
            append_chunk(journal, chunk)
    (folder / "pixels").write_bytes(b"".join(pixels))


def test_chunks_are_read_back(tmp_path):
    assert list(read_journal(tmp_path / "journal")) == []
    assert list(verified_chunks(tmp_path, 4)) == []
    write(tmp_path, [FIRST, SECOND], PIXELS)
    assert list(read_journal(tmp_path / "journal")) == [FIRST, SECOND]
    assert list(verified_chunks(tmp_path, 4)) == [FIRST, SECOND]


def test_reading_stops_at_a_torn_or_altered_line(tmp_path):
    lines = FIRST.to_line() + SECOND.to_line()
    (tmp_path / "journal").write_bytes(lines[:-1])
    assert list(read_journal(tmp_path / "journal")) == [FIRST]
    (tmp_path / "journal").write_bytes(lines.replace(b"empty", b"Empty"))
    assert list(read_journal(tmp_path / "journal")) == []


def test_pixels_that_do_not_match_are_not_verified(tmp_path):
    write(tmp_path, [FIRST, SECOND], [*PIXELS[:2], b"xxxx"])
    assert list(verified_chunks(tmp_path, 4)) == [FIRST]
    write(tmp_path, [FIRST, SECOND], PIXELS[:1])
    assert list(verified_chunks(tmp_path, 4)) == []
