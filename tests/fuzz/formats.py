"""Mutations of Foveal's own formats; what was changed is sealed again, so that it is read."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from zlib import crc32

from mutate import mutate_bytes, mutate_data, mutate_json, to_json


def _split_safetensors(content: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _join_safetensors(header: dict, data: bytes) -> bytes:
    text = to_json(header)
    return len(text).to_bytes(8, "little") + text + data


def mutate_safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header as JSON, or bytes; nothing is sealed again."""
    if rng.random() < 0.4:
        return mutate_bytes(content, rng)
    header, data = _split_safetensors(content)
    return _join_safetensors(mutate_data(header, rng), data)


def mutate_model(content: bytes, rng: random.Random) -> bytes:
    """A model file whose manifest or tensors were changed and sealed again."""
    from foveal.model.file import header_sha256
    from foveal.model.safetensors import Header, TensorEntry

    if rng.random() < 0.3:
        return mutate_safetensors(content, rng)
    header, data = _split_safetensors(content)
    metadata = header.pop("__metadata__")
    if rng.random() < 0.3 and data:
        data = data[:64] + mutate_bytes(data[64:], rng)[: len(data) - 64].ljust(len(data) - 64)
    elif rng.random() < 0.3:
        header = mutate_data(header, rng)
    manifest = json.loads(metadata["foveal"])
    manifest["weights_sha256"] = hashlib.sha256(data).hexdigest()
    if rng.random() < 0.8:
        manifest = mutate_data(manifest, rng)
    text = to_json(manifest).decode("utf-8", "replace")
    try:
        entries = {
            name: TensorEntry(one["dtype"], tuple(one["shape"]), *one["data_offsets"])
            for name, one in header.items()
        }
        seal = header_sha256(text, Header({}, entries, 0, 0).tensor_table())
    except Exception:
        seal = "0" * 64
    return _join_safetensors(
        {"__metadata__": {"foveal": text, "foveal_seal": seal}, **header}, data
    )


def mutate_checkpoint(content: bytes, rng: random.Random) -> bytes:
    """A checkpoint with other facts or tensors, and the right digest."""
    if rng.random() < 0.25:
        return mutate_safetensors(content, rng)
    header, data = _split_safetensors(content)
    metadata = header.pop("__metadata__")
    if rng.random() < 0.2:
        header.pop(rng.choice(list(header)))
        text, seal = metadata["foveal"], metadata["sha256"]
    else:
        text = to_json(mutate_data(json.loads(metadata["foveal"]), rng)).decode("utf-8", "replace")
        digest = hashlib.sha256(text.encode())
        for name in sorted(header):
            start, stop = header[name]["data_offsets"]
            digest.update(name.encode() + data[start:stop])
        seal = digest.hexdigest()
    return _join_safetensors({"__metadata__": {"foveal": text, "sha256": seal}, **header}, data)


def mutate_onnx(content: bytes, rng: random.Random) -> bytes:
    """An exported file with other bytes, sealed again where it is still a message."""
    from foveal.prediction import onnx_verify

    if rng.random() < 0.2:
        return mutate_bytes(content, rng)
    start = content.rfind(b"foveal_seal") - 6
    body = content[: content.rfind(b"\x72", 0, start + 3)] if start > 0 else content
    at = body.rfind(b"foveal\x12")
    if rng.random() < 0.5 and at > 0:
        graph = body[: body.rfind(b"\x72", 0, at)]
        metadata = onnx_verify.read_metadata(content, "x")["foveal"]  # type: ignore[arg-type]
        text = to_json(mutate_data(json.loads(metadata), rng)).decode("utf-8", "replace")
        body = graph + onnx_verify.encode_metadata("foveal", text)
    else:
        body = mutate_bytes(body, rng)
    try:
        digest = onnx_verify.content_sha256(body)
    except Exception:
        return body
    return body + onnx_verify.encode_metadata(onnx_verify.SEAL_KEY, digest)


def mutate_page(content: bytes, rng: random.Random) -> bytes:
    """A page with another model inside, or other bytes."""
    start = content.find(b'id="model">') + len(b'id="model">')
    end = content.find(b"</script>", start)
    if start < 20 or rng.random() < 0.3:
        return mutate_bytes(content, rng)
    model = mutate_onnx(base64.b64decode(content[start:end].strip()), rng)
    return content[:start] + base64.b64encode(model) + content[end:]


def mutate_litert(content: bytes, rng: random.Random) -> bytes:
    """A LiteRT file whose flatbuffer or manifest was changed, and sealed again."""
    from foveal.prediction import litert_verify

    if rng.random() < 0.3:
        return mutate_bytes(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = min(entry.header_offset for entry in archive.infolist())
        manifest = archive.read(litert_verify.MANIFEST_FILE).decode()
    model = content[:first]
    if rng.random() < 0.6:
        manifest = to_json(mutate_data(json.loads(manifest), rng)).decode("utf-8", "replace")
    else:
        model = model[:8] + mutate_bytes(model[8:], rng)
    return litert_verify.pack(model, ["a", "b"], manifest)


def mutate_journal(content: bytes, rng: random.Random) -> bytes:
    """A studio's journal with other entries, and the right checksums."""
    if rng.random() < 0.15:
        return mutate_bytes(content, rng)
    entries = [json.loads(line) for line in content.split(b"\n") if line]
    for entry in entries:
        entry.pop("sum")
    index = rng.randrange(len(entries))
    way = rng.random()
    if way < 0.75:
        entries[index] = mutate_data(entries[index], rng)
    elif way < 0.85:
        del entries[index]
    else:
        entries.insert(index, entries[rng.randrange(len(entries))])
    lines, checksum = [], 0
    for entry in entries:
        if not isinstance(entry, dict):
            entry = {"op": entry}
        body = json.dumps(entry, separators=(",", ":"))[1:].encode("ascii")
        checksum = crc32(body, checksum)
        lines.append(b'{"sum":"%08x",%s\n' % (checksum, body))
    return b"".join(lines)


def mutate_torch(content: bytes, rng: random.Random) -> bytes:
    """A file of torch.save with another pickle in a whole archive, or other bytes."""
    from mutate import mutate_zip

    if rng.random() < 0.35:
        return mutate_zip(content, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            body = old.read(info)
            if info.filename.endswith("data.pkl") or rng.random() < 0.05:
                body = _mutate_pickle(body, rng)
            new.writestr(info.filename, body)
    return out.getvalue()


_PICKLES = (
    b"cos\nsystem\n(S'echo'\ntR.",
    b"\x80\x02cbuiltins\neval\nX\x03\0\0\0" + b"1+1\x85R.",
    b"\x80\x02]" + b"]a" * 50_000 + b".",
    b"\x80\x02(" * 100_000 + b".",
    b"\x80\x02N.",
    b"\x80\x04.",
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00K\x00K\x00\x89NtR.",
    b"\x80\x02ccollections\nOrderedDict\n)R" + b"}b" * 1000 + b".",
    b"\x80\x02\x8b\xff\xff\xff\x7f" + b"1" * 100,
    b"\x80\x02X\xff\xff\xff\xffabc.",
)


def _mutate_pickle(body: bytes, rng: random.Random) -> bytes:
    return rng.choice(_PICKLES) if rng.random() < 0.1 else mutate_bytes(body, rng)


def mutate_npy(content: bytes, rng: random.Random) -> bytes:
    """An .npy with another header of the right length, or other bytes."""
    if rng.random() < 0.5:
        return mutate_bytes(content, rng)
    header = rng.choice(
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (1000000, 1000000)}",
            "{'descr': '|S0', 'fortran_order': False, 'shape': (400000000000,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': ()}",
            "{'descr': [('a','<f8',(99999,99999))], 'fortran_order': False, 'shape': (2,)}",
            "(" * 3000 + ")" * 3000,
            "__import__('os').system('id')",
        )
    )
    return (
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content[128:]
    )


SEALED: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "model": mutate_model,
    "checkpoint": mutate_checkpoint,
    "onnx": mutate_onnx,
    "page": mutate_page,
    "litert": mutate_litert,
    "journal": mutate_journal,
    "torch": mutate_torch,
    "npy": mutate_npy,
    "safetensors": mutate_safetensors,
    "json": mutate_json,
}
