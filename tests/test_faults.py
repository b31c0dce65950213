"""The table of faults names tests that are there, each fault at least one."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def test_every_test_that_the_table_names_exists():
    rows = re.findall(r"^\| (?!fault|-)(.+?) \| (.+) \|$", (TESTS / "faults.md").read_text(), re.M)
    named = {fault: re.findall(r"`(test_\w+)`", tests) for fault, tests in rows}
    assert len(named) > 45
    assert [fault for fault, tests in named.items() if not tests] == []
    text = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    existing = set(re.findall(r"^def (test_\w+)\(", text, re.M))
    assert sorted({test for tests in named.values() for test in tests} - existing) == []
