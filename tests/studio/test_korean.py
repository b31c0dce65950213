"""What Foveal really says, through the translation of the studio's page."""

import json
import re
import subprocess
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from foveal.dataset.labels import similar_classes_text
from foveal.dataset.tables.table import open_table
from foveal.errors import DataError, MissingExtra, UsageError
from foveal.evaluation.collect import TRAINING_IMAGES_UNKNOWN
from foveal.evaluation.report import CHANCE_ADVICE, chance_finding, validation_notices
from foveal.exporting.export import failed_export
from foveal.exporting.page.check import PageCheck, failure_message, page_failures
from foveal.exporting.parity import Parity, ParityLimits, failures
from foveal.progress import ProgressLine
from foveal.studio.network import TrainingSize, check_network
from foveal.training.run.resume import _check_same_run

pytestmark = pytest.mark.browser  # needs node

SCRIPT = Path(__file__).with_name("korean.mjs")
TABLE = Path(__file__).parents[2] / "web/src/studio/sentences/yaml.json"
ENGLISH = re.compile(r"[a-z]+ [a-z]+ [a-z]+")


def network(*layers, size="height: 8, width: 8", **sections):
    """YAML of a network with a softmax at its end."""
    more = "".join(f"{name}: {value}\n" for name, value in sections.items())
    lines = "\n".join(f"  - {layer}" for layer in (*layers, "output: softmax"))
    return f"input: {{{size}}}\n{more}layers:\n{lines}\n"


END = ("global_avg_pool",)
WRONG = {
    "unknown layer": network("rellu", *END),
    "unknown key": network("conv: {channels: 8, kernal: 3}", *END),
    "no keys": network("relu: {size: 2}", *END),
    "no value": network("relu: 5", *END),
    "wrong word": network("conv: {channels: 8, padding: sam}", *END),
    "wrong number": network("conv: {channels: 8, kernel: 0}", *END),
    "open bound": network("batch_norm: {epsilon: 0}", *END),
    "wrong type": network("conv: {channels: 8, bias: 3}", *END),
    "missing": network("conv: {kernel: 3}", *END),
    "a list": network("conv: [8, 3]", *END),
    "no list": "input: {height: 8, width: 8}\nlayers: relu\n",
    "a mapping": network("conv: {channels: {a: 1, b: 2}}", *END),
    "two keys": network("{relu: null, conv: 8}", *END),
    "one branch": network("concat: [[relu]]", *END),
    "inner mistake": network("residual: [conv: {channels: 8, stride: no}]", *END),
    "output inside": network("output: softmax", *END),
    "preprocess": network(*END, preprocess="{fit: crap, mean: [0.5]}"),
    "mean": network(*END, preprocess="{mean: [0.5], std: [0.5]}"),
    "crop fraction": network(*END, preprocess="{fit: pad, crop_fraction: 0.9}"),
    "range": network(*END, preprocess="{range: [5, 1]}"),
    "input": network(*END, size="height: 8, width: 100000"),
    "pool padding": network("max_pool: {size: 2, padding: 2}", *END),
    "squeeze": network("squeeze_excite: {reduction: 4, hidden: 3}", *END),
    "maps": network("flatten", "conv: 8", "flatten"),
    "groups": network("conv: {channels: 8, groups: 2}", *END),
    "reflect": network("conv: {channels: 8, padding: 9, padding_mode: reflect}", *END),
    "window": network("conv: {channels: 8, kernel: 9, padding: valid}", *END),
    "pooling": network("max_pool: 9", *END),
    "vector": network("conv: 8"),
    "group norm": network("conv: 6", "group_norm: 4", *END),
    "residual of values": network("flatten", "residual: [dense: 5]"),
    "residual of maps": network("residual: [conv: {channels: 8, padding: valid}]", *END),
    "branches": network("concat: [[conv: 8], [conv: {channels: 8, stride: 2}]]", *END),
    "sigmoid": network(*END).replace("softmax", "sigmoid"),
    "weights": network("flatten", "dense: 1000000", "dense: 1000000"),
    "activations": network("conv: 1000000", *END, size="height: 64, width: 64"),
    "stride": network("conv: {channels: 8, kernel: 1, stride: 2}", *END),
    "border": network("max_pool: {size: 3}", *END),
    "linear": network("conv: 8", "conv: 8", "relu", *END),
    "padding value": network("conv: {channels: 8, padding_value: 9}", *END),
    "small field": network("conv: 8", "relu", *END, size="height: 64, width: 64"),
    "large field": network(*["conv: 8", "relu", "max_pool: {size: 2, ceil: true}"] * 4, *END),
    "flatten": network("conv: 64", "flatten", "dense: 4000", size="height: 64, width: 64"),
    "key twice": "input: {height: 8, height: 9, width: 8}\nlayers: [flatten, output: softmax]\n",
    "alias": "input: &a {height: 8, width: 8}\nlayers: [flatten, output: softmax]\n",
    "tag": "input: !x {height: 8, width: 8}\nlayers: [flatten, output: softmax]\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "deep": "a: " + 70 * "[",
    "long": "#" * 200_000,
    "key is a list": "[a]: 1\n",
}
YAML = {
    "mapping values are not allowed in this context": "a: b: c",
    "did not find expected key": "a:\n  b: 1\n c: 2",
    "did not find expected ',' or ']'": "[a: b",
    "did not find expected ',' or '}'": "{a: 1",
    "did not find expected node content": "a: [,]",
    "did not find expected <document start>": "{a: 1} b",
    "could not find expected ':'": "a: 1\nb\nc: 2",
    "found character that cannot start any token": "a: @b",
    "found unexpected end of stream": "a: 'b",
    "block sequence entries are not allowed in this context": "a: - b",
    "found unknown escape character": r'a: "\q"',
    "unacceptable character {code}: control characters are not allowed": "a: \x01",
}


def problems_of(yaml):
    return [each["message"] for each in check_network(yaml, TrainingSize(3))["problems"]]


def a_line_of_progress():
    stream = StringIO()
    line = ProgressLine(stream, seconds=0)
    note = "epoch 2  loss 0.713  accuracy 81.0 %  val 79.5 %  1,234 images/s"
    line("training", 45, 100, note)
    line("scanning images", 4, None, "12 images/s")
    return stream.getvalue().splitlines()


def refused_exports():
    parity = Parity(0.95, 0.2, 0.9, 0.8, None, 200)
    problems = failures(parity, ParityLimits(), quantised=False)
    check = PageCheck("Chromium 140", parity, parity, 0)
    rejected = [f"entropy, 3 of 12 layers fp32: {' and '.join(problems)}", f"minmax: {problems[0]}"]
    yield from (str(failed_export(rejected, 200, int8=int8)) for int8 in (True, False))
    yield failure_message(check, page_failures(check, ParityLimits(), quantised=False))
    yield str(MissingExtra("foveal export", "train"))


def resumed_otherwise():
    """Why a run is not resumed, with what differs."""
    changed = [
        (
            "recipe",
            {"mixup_alpha": 0, "precision": "auto"},
            {"mixup_alpha": 1, "precision": "fp32"},
        ),
        ("network", {"layers": [1]}, {"layers": [2]}),
        ("network", {"layers": []}, {"layers": [2]}),
        ("network", {"input": 8}, {"input": 9}),
        ("classes", ["a", "b"], ["b"]),
    ]
    for key, planned, requested in changed:
        with pytest.raises(UsageError) as raised:
            _check_same_run(Path("run"), {key: planned}, {key: requested})
        yield str(raised.value)


def head_reasons():
    yield "most likely labels on val"
    yield "most likely labels on val and images of train that are left out in turn"


def refused_tables():
    for text in ("path,label\n,a\n", "path,label\n" + 30 * ",a\n", "path,label,split\na,b,c\n"):
        with pytest.raises(DataError) as raised, TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            path.write_text(text)
            open_table(path)
        yield str(raised.value).replace(folder, "data")


def notices_of_reports():
    for task, val in (
        ("single", {"val_images": 44, "val_accuracy": 0.86}),
        ("multi", {"val_images": 44, "val_accuracy": 0.86}),
        ("single", {"val_images": 144, "val_accuracy": 0.1, "at_chance": True}),
        ("single", {"val_images": 1, "val_accuracy": 0, "at_chance": True, "judged_on": "train"}),
    ):
        yield from validation_notices(SimpleNamespace(task=task, data={"val": val}))
    yield TRAINING_IMAGES_UNKNOWN
    yield similar_classes_text([["a", "A"]])
    end = f"{chance_finding('train')}, {CHANCE_ADVICE}"
    yield f"finished at chance: validation accuracy 50.00 % (n=2) {end}"


SAID = {
    **{f"network: {case}": lambda yaml=yaml: problems_of(yaml) for case, yaml in WRONG.items()},
    **{f"YAML: {case}": lambda yaml=yaml: problems_of(yaml) for case, yaml in YAML.items()},
    "progress": a_line_of_progress,
    "exports": lambda: list(refused_exports()),
    "resuming": lambda: list(resumed_otherwise()),
    "the strength of the head": lambda: list(head_reasons()),
    "tables": lambda: list(refused_tables()),
    "notices": lambda: list(notices_of_reports()),
}
"""What is said, each by a function that returns sentences."""


def through(script, sentences):
    given = json.dumps(sentences)
    run = subprocess.run(["node", script], input=given, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def korean():
    """Every sentence of SAID in Korean; None where the page would show it in English."""
    sentences = sorted({text for say in SAID.values() for text in say()})
    return dict(zip(sentences, through(SCRIPT, sentences), strict=True))


@pytest.mark.parametrize("case", SAID)
def test_what_foveal_says_is_told_in_korean(case, korean):
    sentences = SAID[case]()
    assert sentences
    for english in sentences:
        assert korean[english] is not None, english
        assert not ENGLISH.search(korean[english]), korean[english]


@pytest.mark.parametrize("reason", YAML)
def test_the_reasons_of_the_yaml_reader_are_those_of_the_table(reason):
    (problem,) = problems_of(YAML[reason])
    said = problem.removeprefix("is not valid YAML: ")
    assert re.fullmatch(re.escape(reason).replace(r"\{code\}", "#x0001"), said)


def test_the_table_has_no_other_reasons_of_the_yaml_reader():
    assert set(json.loads(TABLE.read_text())) == set(YAML)


WORDS_OF_A_PERSON = {
    "there is a class '고양이(가)' already: choose another name, or merge them": (
        "클래스 '고양이(가)'가 이미 있습니다. 다른 이름을 고르거나 두 클래스를 합치세요."
    ),
    "there is a project '{name}' already: choose another name": (
        "프로젝트 '{name}'이(가) 이미 있습니다. 다른 이름을 고르세요."
    ),
    f"warning: {'a: ' * 60}b": f"경고: {'a: ' * 60}b",  # several templates match it, and each rest
    f"warning: {'x' * 3000}": None,
}
"""Sentences with what a person wrote, which stays as it is."""


def test_the_words_of_a_person_stay_as_they_are():
    given = [*WORDS_OF_A_PERSON]
    assert dict(zip(given, through(SCRIPT, given), strict=True)) == WORDS_OF_A_PERSON


PARTICLES = {
    "값을(를)": "값을",
    "사과을(를)": "사과를",
    "값이(가) 사과이(가)": "값이 사과가",
    "‘값’은(는) “사과”은(는)": "‘값’은 “사과”는",
    "값과(와) 사과과(와)": "값과 사과와",
    "값(으)로 사과(으)로 서울(으)로": "값으로 사과로 서울로",
    "3(으)로 4(으)로 7(으)로 10(으)로": "3으로 4로 7로 10으로",
    "5 %을(를)": "5 %를",
    "층 3(conv)은(는) 층 4(conv)은(는)": "층 3(conv)은 층 4(conv)는",
    "'cat'을(를)": "'cat'을(를)",
    "set을(를)": "set을(를)",
    "apple은(는) phone은(는) dress은(는) flower은(는)": "apple은 phone은 dress는 flower는",
    "model.onnx(으)로 model.html(으)로 a.png(으)로": "model.onnx로 model.html로 a.png로",
    "CNN이(가) URL이(가) RGB이(가) LiteRT이(가)": "CNN이 URL이 RGB가 LiteRT가",
    "ring과(와) lamp과(와) plant과(와) conv2d과(와)": "ring과 lamp와 plant와 conv2d와",
    "airplane(으)로 automobile(으)로 OCR(으)로": "airplane으로 automobile로 OCR(으)로",
    "‘shoes’은(는) (bird)은(는) café은(는)": "‘shoes’는 (bird)은(는) café은(는)",
    "을(를)": "을(를)",
    "값(사과)": "값(사과)",
}


def test_particles_follow_the_sound_before_them():
    assert (
        dict(zip(PARTICLES, through(SCRIPT.with_name("particles.mjs"), [*PARTICLES]), strict=True))
        == PARTICLES
    )
