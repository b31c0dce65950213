"""What the pages say of the disk, of each other and of measurements is so."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import foveal

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
READMES = sorted(ROOT.glob("README*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def name(page):
    return page.relative_to(ROOT).as_posix()


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("needs a git checkout")
    return done.stdout.splitlines()


@pytest.mark.parametrize("readme", READMES, ids=name)
def test_the_tree_is_the_disk(readme):
    blocks = re.findall(r"```text\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    (tree,) = [block for block in blocks if block.startswith("foveal/")]
    told = [line.split()[0] for line in tree.splitlines()]
    assert all(len(line.split()) > 1 for line in tree.splitlines()), "a folder without a phrase"
    paths = [path.split("/") for path in tracked()]
    rooms = {
        f"foveal/{path[1]}" for path in paths if path[0] == "foveal" and path[2:] == ["__init__.py"]
    }
    tops = {path[0] for path in paths if len(path) > 1 and not path[0].startswith(".")}
    assert set(told) == rooms | tops - {"foveal"} | {"foveal/*.py"}


def test_the_rooms_of_the_architecture_are_the_disk():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("## Rooms")[1].split("## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = [word for cell in cells for word in re.findall(r"`([\w./]+)`", cell)]
    package = ROOT / "foveal"
    packages = {
        path.parent.relative_to(package).as_posix() + "/" for path in package.rglob("*/__init__.py")
    }
    files = {path.name for path in package.glob("*.py") if path.name[0] != "_"}
    assert set(named) == packages | files


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_images_are_there(page):
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name(page)} points to {target}"


def test_images_are_small_and_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for image in (DOCS / "images").iterdir():
        assert image.stat().st_size < 150_000, image.name
        assert f"images/{image.name}" in text, f"{image.name} is on no page"


def test_every_verb_has_a_page_that_names_its_options():
    import typer.main

    from foveal.cli.app import app

    for verb, command in typer.main.get_command(app).commands.items():
        text = (DOCS / f"{verb}.md").read_text(encoding="utf-8")
        commands = [command, *getattr(command, "commands", {}).values()]
        for option in (option for one in commands for option in one.params):
            if option.opts[0].startswith("--") and option.opts[0] != "--help":
                assert option.opts[0] in text, f"docs/{verb}.md does not name {option.opts[0]}"


def test_the_container_installs_the_version_of_the_changelog():
    text = (DOCS / "serve.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+) \(", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest[1] == foveal.__version__
    assert re.findall(r"foveal\[serve\]==(\S+)'", text) == [foveal.__version__]


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        yield import_module("measured")


@pytest.fixture(scope="module")
def table(measured):
    return sys.modules["readme_table"]


def test_measured_figures_are_those_of_the_results(measured, table):
    way_out = "write them anew:  python docs/measured.py"
    assert measured.PAGE.read_text(encoding="utf-8") == measured.page(), way_out
    for readme, lang in measured.READMES.items():
        text = readme.read_text(encoding="utf-8")
        assert table.beside(lang) in text, way_out
        assert text == table.filled(text, lang), way_out


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"median": 2.5, "least": 2, "most": 1234.5, "n": 3}, "2.50 (2 to 1,234)"),
        ({"median": 0.05, "least": 0.05, "largest": 0.05, "n": 1}, "0.050 (once)"),
        ([12.34, 11.0, 13.0], "12.3 (11.0 to 13.0)"),
        ([64, 64, 3], None),
        ([7.0, 7.0, 7.0], "7.00"),
        ({"cold": 3}, None),
    ],
)
def test_a_figure_shows_its_spread(measured, value, told):
    assert measured.spread(value) == told


def test_the_tenth_version_is_newer_than_the_ninth(table):
    def sitting(version, who, accuracy):
        run = {"who": who, "accuracy": accuracy, "seconds": 60.0, "from": "scratch", "minutes": 1.0}
        return {"name": "clothing10", "machine": {"foveal": version}, "runs": [run]}

    results = [
        sitting("0.10.0", "foveal", 0.9),
        sitting("0.9.0", "foveal", 0.8),
        sitting(None, "foveal", 0.7),
        sitting("0.9.0", "keras", 0.6),
    ]
    (runs,) = table._runs_by_set(results).values()
    assert [run["accuracy"] for run in runs] == [0.9, 0.6]


def test_a_sitting_of_training_is_a_row_a_contender(measured):
    sitting = {
        "name": "cifar10:keras",
        "machine": {"cores": 2},
        "runs": [
            {"who": "foveal", "seconds": 60.0, "accuracy": 0.9},
            {"who": "keras", "seconds": 600.0, "accuracy": 0.8},
            {"who": "foveal", "seconds": 120.0, "accuracy": 0.8},
            {"who": "keras", "seconds": 900.0, "accuracy": None},
        ],
    }
    own, peer = measured.runs(sitting)
    assert own["minutes"] == 1.5
    assert own["test accuracy"] == pytest.approx(0.85)
    assert peer["test accuracy_range"] == [0.8, 0.8]


def test_each_machine_and_version_has_a_table_of_its_own(measured, tmp_path):
    def sitting(processor, version, who, accuracy):
        return {
            "name": "cifar10",
            "machine": {"processor": processor, "cores": 2, "foveal": version, "torch": "2.1"},
            "versions": {"torch": "2.2"} if who == "keras" else {},
            "runs": [{"who": who, "seconds": 60.0, "accuracy": accuracy}],
        }

    sittings = [
        sitting("slow", "0.1.0", "foveal", 0.5),
        sitting("fast", "0.1.0", "foveal", 0.6),
        sitting("slow", "0.1.0", "keras", 0.4),
        sitting("slow", "0.2.0", "foveal", 0.7),
    ]
    path = tmp_path / "training-of-a-test.jsonl"
    path.write_text("\n".join(map(json.dumps, sittings)))
    lines = measured.section(path).splitlines()
    own = [line.split(" | ")[5][:5] for line in lines if line.startswith("| cifar10")]
    assert own == ["0.500", "0.400", "0.600", "0.700"]
    assert [line for line in lines if line.startswith("Machine: ")] == [
        "Machine: processor slow, cores 2, foveal 0.1.0, torch 2.1, peers' torch 2.2.",
        "Machine: processor fast, cores 2, foveal 0.1.0, torch 2.1.",
        "Machine: processor slow, cores 2, foveal 0.2.0, torch 2.1.",
    ]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({}, "processor not recorded, cores not recorded, foveal not recorded"),
        (
            {"processor": {"model": "207", "amx": True, "cores": 2}, "versions": {"foveal": "1"}},
            "processor model 207, amx, cores 2, foveal 1",
        ),
        ({"machine": "Linux, 2 processors"}, "machine Linux, 2 processors, foveal not recorded"),
        (
            {"machine": {"cores": 2, "load": 9}, "device": "a GPU", "foveal": "1"},
            "device a GPU, cores 2, foveal 1",
        ),
    ],
)
def test_what_a_result_says_of_its_machine_is_told_and_what_not(measured, result, told):
    assert measured.machine([result]) == told


def test_the_sittings_of_a_set_are_one_row(table):
    def sitting(name, *runs):
        keys = ("who", "minutes", "seconds", "accuracy")
        return {"name": name, "runs": [dict(zip(keys, run, strict=True)) for run in runs]}

    results = [
        sitting("cifar10", ("foveal", 8, 480.0, 0.9)),
        sitting("few", ("foveal", 1, 60.0, 0.5)),
        {"name": "profile", "profile": {}},
        sitting(
            "cifar10:keras,fastai",
            ("foveal", 1, 60.0, 0.8),
            ("keras", None, 600.0, 0.6),
            ("keras", None, 900.0, None),
            ("fastai", None, 700.0, 0.7),
        ),
        sitting("cifar10:keras", ("foveal", 1, 58.0, 0.7), ("keras", None, 660.0, 0.7)),
    ]
    (row,) = table._training(results, table.WORDS["en"])
    assert row == (
        "CIFAR-10, from scratch: test accuracy",
        "75.0% in 0.983 min (2); 90.0% in 8.00 min (1)",
        [("fastai", "70.0% in 11.7 min (1)"), ("keras", "65.0% in 10.5 min (2)")],
        "12x",  # 700 / 59: fastai is the most accurate, and the first budget reaches it
    )


def test_training_is_compared_on_one_machine_and_from_one_start(table):
    def run(who, minutes, accuracy, **more):
        return {
            "who": who,
            "minutes": minutes,
            "seconds": 60 * minutes,
            "accuracy": accuracy,
        } | more

    def sitting(processor, *runs):
        return {"name": "cifar10:keras", "machine": {"processor": processor}, "runs": list(runs)}

    results = [
        sitting("slow", run("foveal", 2, 0.6), run("keras", 8, 0.7)),
        sitting("fast", run("foveal", 1, 0.9)),
        sitting("fast", run("foveal", 1, 0.95, **{"from": "auto"})),
        sitting("fast", run("transfer/plain_loop", 15, 0.9)),
    ]
    shorter = sitting("quick", run("foveal", 1, 0.99), run("keras", 1, 0.99))
    more = sitting("slow", run("fastai", 9, 0.5))
    scratch, transfer = table._training([*results, shorter, more], table.WORDS["en"])
    assert scratch[1:] == (
        "60.0% in 2.00 min (1)",
        [("fastai", "50.0% in 9.00 min (1)"), ("keras", "70.0% in 8.00 min (1)")],
        "not reached",
    )
    assert transfer == (
        "CIFAR-10, from pretrained weights: test accuracy",
        "95.0% in 1.00 min (1)",
        [("transfer/plain_loop", "90.0% in 15.0 min (1)")],
        "15x",
    )


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_set_that_can_be_measured_has_a_name(table, lang):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        sets = import_module("sets")
    assert {*sets.DRAWN, *sets.MADE} <= table.WORDS[lang].keys()


@pytest.mark.parametrize(("lang", "told"), [("en", "+20.0 points"), ("ko", "+20.0%p")])
def test_where_a_peer_was_at_its_best_sooner_points_are_told(table, lang, told):
    runs = [
        {"who": "foveal", "minutes": 2, "seconds": 120.0, "accuracy": 0.9},
        {"who": "keras", "seconds": 60.0, "accuracy": 0.7},
    ]
    (row,) = table._training([{"name": "few:keras", "runs": runs}], table.WORDS[lang])
    assert row.comparison == told


def test_the_best_of_a_peer_stands_beside_reading(table):
    result = {
        "photos: foveal": {
            "cold": [2.0, 1.0, 3.0],
            "warm": [0.5, 0.5, 0.5],
            "images": [9.0, 9.0, 9.0],
        },
        "photos: torchvision, 0 workers": {"cold": [9.0, 9.0, 9.0], "warm": [8.0, 8.0, 8.0]},
        "photos: torchvision, 2 workers": {"cold": [7.0, 7.0, 7.0], "warm": [8.5, 8.5, 8.5]},
    }
    cold, warm = table._data(result, table.WORDS["en"])
    assert cold == (
        "s to read 9 photos for the first time, imports included",
        "2.00",
        [("torchvision (2 workers)", "7.00")],
        "3.5x",
    )
    assert warm[2:] == ([("torchvision (0 workers)", "8.00")], "16x")


def test_nothing_but_the_standard_library_writes_the_figures():
    code = f"import sys; sys.path.insert(0, {str(DOCS)!r}); import measured; measured.page()"
    subprocess.run([sys.executable, "-S", "-c", code], check=True)
