"""Findings as values and as JSON data."""

import os

from foveal.dataset.types import UnusableFile
from foveal.doctor.findings import CheckResult, Finding, sort_by_severity

LEAK = Finding("leak", "warning", 2, ("a.png", "b.png"), "Delete it.", (("a.png", "b.png"),))
UNUSABLE = Finding("unusable", "error", 1, (os.fsdecode(b"\xff.png"),), "Replace it.")
DARK = Finding("dark", "info", 9, (), "Look.")


def test_errors_come_first_and_then_the_largest():
    small = Finding("blank", "warning", 1, (), "Delete it.")
    assert sort_by_severity([DARK, small, LEAK, UNUSABLE]) == (UNUSABLE, LEAK, small, DARK)


def test_the_json_object():
    result = CheckResult(
        data="data",
        images=3,
        classes={"a": 2, os.fsdecode(b"\xfe"): 1},
        splits={},
        unusable=(UnusableFile(os.fsdecode(b"\xff.png"), "empty file"),),
        findings=(UNUSABLE, LEAK),
        trainable=True,
    )
    assert result.to_data() == {
        "images": 3,
        "classes": {"a": 2, "\\udcfe": 1},
        "splits": {},
        "unusable": [{"path": "\\udcff.png", "reason": "empty file"}],
        "findings": [
            {
                "kind": "unusable",
                "severity": "error",
                "count": 1,
                "files": ["\\udcff.png"],
                "advice": "Replace it.",
            },
            {
                "kind": "leak",
                "severity": "warning",
                "count": 2,
                "files": ["a.png", "b.png"],
                "advice": "Delete it.",
                "pairs": [["a.png", "b.png"]],
            },
        ],
    }


def test_names_become_valid_unicode():
    name = "한\ud800"  # a single surrogate, as JSON Lines may hold it
    finding = Finding("x", "info", 1, (name,), f"See {name}.", ((name, "b"),), (name,), (name,))
    assert finding.to_data() == {
        "kind": "x",
        "severity": "info",
        "count": 1,
        "files": ["한\\ud800"],
        "advice": "See 한\\ud800.",
        "pairs": [["한\\ud800", "b"]],
        "details": ["한\\ud800"],
        "suggested": ["한\\ud800"],
    }
