"""`foveal pack` prints the folder, says what was left out, and fails where something was."""

from foveal.cli.main import run


def test_pack(digits, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["pack", str(digits), "--out", str(out), "--shard-size", "1M"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}\n"
    size = (out / "shard-000000.tar").stat().st_size / 1024
    assert captured.err.splitlines()[-1] == f"300 images in 1 shard, {size:.1f} KiB"


def test_what_is_left_out(tmp_path, digits, capsys):
    folder = tmp_path / "data" / "a"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes((digits / "0" / "0000.png").read_bytes())
    (folder / "2.png").write_bytes(b"")
    assert run(["pack", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "1 image in 1 shard, 10.0 KiB; left out: a/2.png (empty file)"
    )


def test_a_size_that_is_none(digits, tmp_path, capsys):
    assert run(["pack", str(digits), "--out", str(tmp_path / "o"), "--shard-size", "big"]) == 2
    assert capsys.readouterr().err == (
        "foveal: --shard-size is 'big', which is not a size; give one such as 20G\n"
    )


def test_the_address_of_a_store_is_printed(digits, object_store, capsys):
    address = object_store({}) + "/set"
    assert run(["pack", str(digits), "--out", address]) == 0
    assert capsys.readouterr().out == f"{address}\n"
