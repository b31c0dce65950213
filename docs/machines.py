"""What a result says of the machine and the versions that it was measured with."""

from __future__ import annotations

from typing import Any

from figures import words

OWN = ("device", "processor", "cores", "torch", "foveal")
FIRST = ("device", "machine", "processor", "cores", "foveal")


def place(result: dict[str, Any]) -> tuple[str | None, ...]:
    """What figures of one table share: processor, cores and Foveal's version."""
    told = recorded(result)
    return tuple(told.get(key) for key in FIRST)


def machine(results: list[dict[str, Any]]) -> str:
    """The machine and versions of results of one place as one line."""
    found: dict[str, list[str]] = {}
    for result in results:
        for key, value in recorded(result).items():
            if value not in found.setdefault(key, []):
                found[key].append(value)
    whole = "machine" in found or "device" in found
    for key in ("foveal",) if whole else ("processor", "cores", "foveal"):
        found.setdefault(key, ["not recorded"])
    keys = [key for key in FIRST if key in found] + [key for key in found if key not in FIRST]
    return ", ".join(f"{words(key)} {' and '.join(found[key])}" for key in keys)


def recorded(result: dict[str, Any]) -> dict[str, str]:
    """Machine and versions of a result; of two versions of a library the second is the peers'."""
    told: dict[str, str] = {}
    for part in ("machine", "versions"):
        value = result.get(part, {})
        for key, one in (value if isinstance(value, dict) else {part: value}).items():
            if key == "foveal" and "==" in str(one):
                key = "libraries"
            elif told.get(key, str(one)) != str(one):
                key = f"peers' {key}"
            told[key] = _told(one)
    told |= {key: _told(result[key]) for key in OWN if key in result}
    if isinstance(processor := result.get("processor"), dict):
        told |= {"processor": _told({**processor, "cores": None}), "cores": str(processor["cores"])}
    return {key: value for key, value in told.items() if value and "load" not in key}


def _told(value: Any) -> str:
    """`model 207, amx` of a dict, else the value."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(key if one is True else f"{key} {one}" for key, one in value.items() if one)
