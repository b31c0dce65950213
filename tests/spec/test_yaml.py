"""Every mistake of a document at once, word by word; hostile documents end quickly and small."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.errors import SpecError, UsageError
from foveal.spec import yaml
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe

KINDS = (
    "conv, pad, max_pool, avg_pool, global_max_pool, global_avg_pool, flatten, dense, dropout, "
    "dropout2d, batch_norm, layer_norm, group_norm, relu, relu6, leaky_relu, elu, gelu, silu, "
    "tanh, sigmoid, hard_sigmoid, hard_swish, squeeze_excite, layer_scale, residual, concat, "
    "output"
)

MANY = """\
input: {height: 64, widht: 64, channels: 2}
preprocess: {fit: crap}
layers:
  - conf: 3
  - conv: {channels: 0, kernal: 3}
  - conv
  - {conv: 3, kernel: 3}
  - 7
  - max_pool: {size: 2, padding: 2}
  - residual:
      - conv: {channels: yes}
      - residual: {layers: [{dense: -1}], foo: 1}
  - concat: [[relu], [{conv: {channels: 3, groups: dw}}]]
  - concat: [[relu]]
  - residual: []
  - output: softmix
"""


def problems(text, model=Network):
    with pytest.raises(SpecError) as caught:
        yaml.parse_yaml(text, model, "net.yaml")
    return list(caught.value.problems)


def test_all_mistakes_at_once_each_with_its_line():
    assert problems(MANY) == [
        "net.yaml:1: input: channels received 2; allowed is one of 1, 3",
        "net.yaml:1: input: received the key 'widht' (did you mean 'width'?); allowed are height, "
        "width, channels",
        "net.yaml:2: preprocess: fit received 'crap' (did you mean 'crop'?); allowed is one of "
        "crop, pad, squash",
        f"net.yaml:4: layer 1: received 'conf' (did you mean 'conv'?); allowed are {KINDS}",
        "net.yaml:5: layer 2 (conv): channels received 0; allowed is a whole number from 1 to "
        "65536",
        "net.yaml:5: layer 2 (conv): received the key 'kernal' (did you mean 'kernel'?); allowed "
        "are channels, kernel, stride, padding, padding_mode, padding_value, dilation, groups, "
        "bias, flip, init, frozen",
        "net.yaml:6: layer 3 (conv): channels is missing; give a whole number from 1 to 65536",
        "net.yaml:7: layer 4: received a mapping of 2 keys; allowed is one layer's name, alone or "
        "as the only key of its values",
        "net.yaml:8: layer 5: received 7; allowed is one layer's name, alone or as the only key "
        "of its values",
        "net.yaml:9: layer 6 (max_pool): padding [2, 2, 2, 2] must be smaller than the window 2x2 "
        "on every side, else a window covers only padding",
        "net.yaml:11: layer 7.1 (conv): channels received 'yes'; allowed is a whole number from 1 "
        "to 65536",
        "net.yaml:12: layer 7.2.1 (dense): units received -1; allowed is a whole number from 1 to "
        "65536",
        "net.yaml:12: layer 7.2 (residual): received the key 'foo'; allowed are layers, "
        "stochastic_depth",
        "net.yaml:13: layer 8.2.1 (conv): groups received 'dw'; allowed is a whole number from 1 "
        "to 8192 or depthwise",
        "net.yaml:14: layer 9 (concat): received a list of 1; give at least 2",
        "net.yaml:15: layer 10 (residual): received a list of 0; give at least 1",
        "net.yaml:16: layer 11 (output): function received 'softmix' (did you mean 'softmax'?); "
        "allowed is one of softmax, sigmoid",
    ]


SINGLE = [
    (
        "layers: &a [*a]",
        "net.yaml:1: anchors and aliases (& and *) are not allowed; write the value out",
    ),
    (
        "layers:\n  - *a\n",
        "net.yaml:2: anchors and aliases (& and *) are not allowed; write the value out",
    ),
    (
        "layers: !!python/object/apply:os.system ['true']",
        "net.yaml:1: the tag "
        "tag:yaml.org,2002:python/object/apply:os.system is not allowed; leave it out",
    ),
    ("layers: !x [relu]", "net.yaml:1: the tag !x is not allowed; leave it out"),
    (
        "layers: [output]\n---\nlayers: [output]",
        "net.yaml:2: a second document begins; give one document per file",
    ),
    (
        "layers: [output]\nlayers: [output]",
        "net.yaml:2: the key 'layers' is given twice (first on line 1); keep one",
    ),
    ("a: [", "net.yaml:1: is not valid YAML: did not find expected node content"),
    (
        "layers: [output]\n# \ud800",
        "net.yaml:2: is not valid YAML: unacceptable character #xd800: control characters are not "
        "allowed",
    ),
    ("layers: [output]\n? [a, b]\n: 3", "net.yaml:2: a key must be text"),
    ("[" * 70, "net.yaml:1: nested more than 64 levels deep; reduce the nesting"),
    (
        "layers: [" + "relu, " * 20_001 + "output]",
        "net.yaml:1: more than 20000 nodes, the limit of a network or recipe",
    ),
    ("#" * 131_073, "net.yaml: is larger than 131072 bytes, the limit of a network or recipe"),
    ("", "net.yaml:1: network: layers is missing; give a list of layers"),
    ("[1]", "net.yaml:1: network: received [1]; allowed are the keys input, preprocess, layers"),
    (
        "layers: {a: 1}",
        "net.yaml:1: network: received a mapping of one key; allowed is a list of layers",
    ),
    ("layers: [relu: 5, output]", "net.yaml:1: layer 1 (relu): received 5; it takes none"),
    ("layers:", "net.yaml:1: network: received nothing; allowed is a list of layers"),
    (
        "layers: [relu]",
        "net.yaml:1: layers must end with output (softmax or sigmoid), exactly once",
    ),
    (
        "layers: [" + "{conv: 1}, " * 1025 + "output]",
        "net.yaml:1: network: received a list of 1026; give at most 1024",
    ),
]


@pytest.mark.parametrize(("text", "told"), SINGLE)
def test_documents_that_are_refused(text, told):
    found = problems(text)
    if text.startswith("a: ["):  # the reader's own words differ with its version
        assert found[0].startswith("net.yaml:1: is not valid YAML: ") or found[0].startswith(
            "net.yaml:2: is not valid YAML: "
        )
    else:
        assert found == [told]


def test_too_deep_a_network_is_refused():
    text = "layers: [" + "{residual: [" * 13 + "relu" + "]}" * 13 + ", output]"
    assert problems(text) == ["net.yaml:1: a network may have 4096 layers, 12 inside one another"]


def test_more_than_twenty_mistakes_are_counted():
    text = "layers:\n" + "  - nothing\n" * 30 + "  - output\n"
    found = problems(text)
    assert len(found) == 21
    assert found[-1] == "and 10 more mistakes"


def test_what_is_allowed_is_told_once_of_mistakes_that_are_alike():
    first, second = problems("layers:\n  - relu7\n  - relu7\n  - output\n")
    assert second == "net.yaml:3: layer 2: received 'relu7' (did you mean 'relu'?)"
    assert first.startswith(
        "net.yaml:2: layer 1: received 'relu7' (did you mean 'relu'?); allowed are conv, pad, "
    )


def test_words_numbers_and_switches_are_those_of_yaml_1_2():
    read = yaml.parse_yaml("compile: off\nlearning_rate: 1e-3\nepochs: 10", Recipe)
    assert (read.compile, read.learning_rate, read.epochs) == ("off", 0.001, 10.0)
    told = ["012", "0x1f", "1:30", "no", "1_000", "2020-01-01", "'7'"]
    values = yaml.parse_data("\n".join(f"k{i}: {w}" for i, w in enumerate(told)), "x")
    assert list(values.values()) == [12, "0x1f", "1:30", "no", "1_000", "2020-01-01", "7"]
    values = yaml.parse_data("a: true\nb: ~\nc:\nd: -2\ne: .5\nf: 'true'", "x")
    assert values == {"a": True, "b": None, "c": None, "d": -2, "e": 0.5, "f": "true"}


def test_recipes_are_read_and_refused_the_same_way():
    assert problems("epochs: 0\nbatchsize: 3\nhorizontal_flip: sometimes\n", Recipe)[0] == (
        "net.yaml:1: recipe: epochs received 0; allowed is a number above 0 and at most 100000 or "
        "null"
    )
    assert yaml.parse_yaml("", Recipe) == Recipe()


def test_a_switch_or_a_text_is_not_a_number():
    told = "allowed is a number from 0 to 1"
    assert problems("mixup_alpha: true\ncutmix_alpha: '0.5'\n", Recipe) == [
        f"net.yaml:1: recipe: mixup_alpha received true; {told}",
        f"net.yaml:2: recipe: cutmix_alpha received '0.5'; {told}",
    ]


def test_names_of_several_lines_are_told_on_one():
    assert problems('"a\\nb": 1\n"a\\nb": 2\nlayers: ["re\\e[31mlu", output]') == [
        "net.yaml:2: the key 'a\\nb' is given twice (first on line 1); keep one",
        "net.yaml:1: network: received the key 'a\\nb'; allowed are input, preprocess, layers",
        "net.yaml:3: layer 1: received 're\\x1b[31mlu' (did you mean 'relu'?); allowed are "
        f"{KINDS}",
    ]


def test_files(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_bytes(b"\xef\xbb\xbflayers: [output]\n")
    assert yaml.load_yaml(path, Network).layers[-1].kind == "output"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError) as caught:
        yaml.load_yaml(path, Network)
    assert str(caught.value) == f"{path}: is not UTF-8 text; give a YAML file"
    with pytest.raises(UsageError) as missing:
        yaml.load_yaml(tmp_path / "no.yaml", Network)
    assert str(missing.value) == (
        f"cannot read {tmp_path / 'no.yaml'}: No such file or directory; give the path of a YAML "
        "file"
    )
    path.write_bytes(b"a" * 10**7)
    with pytest.raises(SpecError) as large:
        yaml.load_yaml(path, Network)
    assert str(large.value) == (
        f"{path}: is larger than 131072 bytes, the limit of a network or recipe"
    )


MAX_CALLS = 5_000_000
HOSTILE = {
    "laughs": "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\nlayers: [output]\n",
    "deep": "layers: " + "[" * 60_000,
    "deep mappings": "layers: " + "{a: " * 20_000,
    "many": "layers: [" + "relu," * 19_000 + "output]",
    "digits": "layers: [{conv: " + "9" * 100_000 + "}, output]",
    "long word": "layers: [" + "x" * 100_000 + ", output]",
    "many words": "layers: [" + ", ".join("rel" + "u" * (i % 40) for i in range(1000)) + "]",
    "large": "layers: [flatten, {dense: 65536}, {dense: 65536}, {dense: 65536}, output]",
    "wide": "input: {height: 8192, width: 8192}\nlayers: [{conv: {channels: 65536, kernel: "
    "8192}}, global_avg_pool, output]",
    "nested": "layers: [" + "{residual: [" * 20 + "relu" + "]}" * 20 + ", output]",
    "branches": "layers: [{concat: [" + ", ".join(["[relu]"] * 65) + "]}, output]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_end_in_an_error_of_few_calls_and_200_mb(name, tmp_path):
    """Calls are counted, as seconds depend on the machine: a second has about ten million."""
    path = tmp_path / "net.yaml"
    path.write_text(HOSTILE[name])
    code = (
        "import re, sys\n"
        "from foveal.errors import Error\n"
        "from foveal.verbs.show import show\n"
        "calls = 0\n"
        "def count(*_):\n"
        "    global calls\n"
        "    calls += 1\n"
        "sys.setprofile(count)\n"
        "try:\n"
        f"    shown = show({str(path)!r}, classes=10)\n"
        "    told = '; '.join(one.text for one in shown.errors)\n"
        "except Error as error:\n"
        "    told = str(error)\n"
        "sys.setprofile(None)\n"
        "print(calls)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "print(told[:200])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    calls, kilobytes, told = done.stdout.split("\n", 2)
    assert told.strip()
    assert int(calls) < MAX_CALLS
    assert int(kilobytes) < 200_000


EXAMPLE = """\
input: {height: 64, width: 64, channels: 3}
preprocess: {fit: crop}      # crop | pad | squash; background, mean, std
layers:
  - conv: {channels: 32, kernel: 3, stride: 1, padding: same, padding_mode: constant, padding_value: 0.0}
  - relu
  - conv: {channels: 32, kernel: 3}
  - relu
  - max_pool: 2
  - conv: {channels: 64, kernel: [5, 3], stride: [2, 1], padding: [1, 1, 2, 0], bias: true}
  - batch_norm
  - gelu
  - avg_pool: {size: 3, stride: 2, padding: 1}
  - residual: {layers: [{conv: 64}, relu]}
  - flatten
  - dense: 128
  - relu
  - dropout: 0.5
  - output: softmax          # or sigmoid; the number of classes comes from the data
"""  # noqa: E501


def test_the_documented_example_reads_builds_and_writes():
    network = yaml.parse_yaml(EXAMPLE, Network)
    assert network.layers[5].padding == (1, 1, 2, 0)
    assert yaml.parse_yaml(yaml.dump_yaml(network.to_data()), Network) == network
    assert network.build(10)(__import__("torch").zeros(1, 3, 64, 64)).shape == (1, 10)


WORDS = st.sampled_from(
    [
        "input",
        "preprocess",
        "layers",
        "height",
        "conv",
        "relu",
        "residual",
        "concat",
        "branches",
        "max_pool",
        "size",
        "padding",
        "same",
        "channels",
        "kernel",
        "output",
        "softmax",
        "fit",
        "mean",
        "std",
        "background",
        "x",
        "",
        "groups",
        "leaky_relu",
        "slope",
        "dropout",
        "rate",
    ]
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 9000), st.floats(-2, 2), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(layers=ANYTHING, rest=ANYTHING, model=st.sampled_from([Network, Recipe]))
def test_any_data_is_a_value_or_sentences_with_lines(layers, rest, model):
    data = {"layers": layers, **rest} if isinstance(rest, dict) else rest
    for given_data in (data, {"layers": [layers, "output"]}, {"layers": layers}):
        try:
            yaml.parse_yaml(yaml.dump_yaml(given_data), model, "net.yaml")
        except SpecError as error:
            for problem in error.problems:
                assert problem.startswith("net.yaml:"), problem
                assert "\n" not in problem


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,? \n\t0.~\x00é", max_size=60))
def test_any_text_is_a_value_or_sentences(text):
    try:
        yaml.parse_yaml(text, Recipe, "net.yaml")
    except SpecError as error:
        assert all(problem.startswith("net.yaml") for problem in error.problems)


def test_mistakes_are_found_with_their_line_and_layer():
    text = "layers:\n  - conv: 0\n  - residual:\n      - relu\n      - dense: x\nlayers: []\n"
    data, value, mistakes = yaml.check_yaml(text, Network)
    assert value is None
    assert data["layers"] == []
    assert [(one.line, one.layer) for one in mistakes] == [(6, ()), (1, ())]
    text = text.replace("layers: []", "  - output: softmax")
    data, value, mistakes = yaml.check_yaml(text, Network)
    assert [(one.line, one.layer) for one in mistakes] == [(2, (1,)), (5, (2, 2))]
    assert mistakes[0].text == "layer 1 (conv): channels received 0; allowed is a whole number " + (
        "from 1 to 65536"
    )
    good = "layers: [flatten, output: softmax]"
    assert yaml.check_yaml(good, Network)[1:] == (yaml.parse_yaml(good, Network), [])
