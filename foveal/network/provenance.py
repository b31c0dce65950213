"""Who wrote a network file: a comment in what Foveal designed tells whether it was edited."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from pathlib import Path

from foveal.spec.network import Network

_COMMENT = re.compile(r"^# designed by Foveal \(([0-9a-f]{16})\)$", re.MULTILINE)
_MAX_HEAD_CHARACTERS = 10_000


def designed_comment(network: Network) -> str:
    """The line for a YAML file that holds what Foveal designed."""
    return f"# designed by Foveal ({_digest(network)})\n"


def file_source(path: Path, network: Network) -> str:
    """Who set what the file of `network` states: `foveal design`, `you`, or both."""
    with path.open(encoding="utf-8", errors="replace") as file:
        match = _COMMENT.search(file.read(_MAX_HEAD_CHARACTERS))
    if match is None:
        return "you"
    return "foveal design" if match[1] == _digest(network) else "foveal design, then you"


def _digest(network: Network) -> str:
    """Of the network as a file states it, whatever its layout."""
    text = json.dumps(network.to_data(), sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()
