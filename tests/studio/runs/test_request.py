"""What was asked of a run: checked in the trainer's words, kept whole, repeated elsewhere."""

import os
import shlex

import pytest

from foveal.errors import DataError, SpecError, UsageError
from foveal.studio.runs.request import (
    RunRequest,
    check_request,
    read_request,
    repeat_training,
    train_arguments,
    write_request,
)


def test_a_request_is_read_as_it_was_written(tmp_path):
    request = RunRequest(
        name="이름 <b>",
        network="layers: [flatten, output: softmax]\n",
        epochs=2.5,
        seed=3,
        recipe={"optimizer": "sgd", "translate": 0.1},
        asked="pause",
        created=5.0,
    )
    write_request(tmp_path, request)
    assert read_request(tmp_path) == request


@pytest.mark.parametrize(
    "content",
    [
        *("", "[1]", '{"epochs": "x"}', "{" * 100_000, '{"other": 1}'),
        *('{"created": NaN}', '{"minutes": 1e999}', '{"seed": ' + "9" * 5000 + "}"),
        '{"created": ' + "9" * 400 + "}",
        '{"name": "' + "x" * (1 << 20) + '"}',
    ],
    ids=lambda content: content[:20],
)
def test_a_damaged_request_is_one_sentence(tmp_path, content):
    (tmp_path / "request.json").write_text(content)
    with pytest.raises(DataError) as caught:
        read_request(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/request.json cannot be read as a run's request (it is damaged)"
    )


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "request.json")
    with pytest.raises(DataError) as caught:
        read_request(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/request.json cannot be read as a run's request (it is not a file)"
    )


def test_wrong_values_are_refused_in_the_words_of_train():
    with pytest.raises(UsageError) as caught:
        check_request(RunRequest(minutes=1, epochs=1))
    assert str(caught.value) == (
        "give --minutes or --epochs, not both: each fixes the length of the run"
    )
    with pytest.raises(SpecError) as caught:
        check_request(RunRequest(recipe={"batchsize": 3}))
    assert str(caught.value).startswith(
        "there is no key 'batchsize' (did you mean 'batch_size'?); allowed are epochs, batch_size"
    )
    with pytest.raises(SpecError) as caught:
        check_request(RunRequest(network="layers: [output: softmax"))
    assert str(caught.value).startswith("network:2: is not valid YAML: ")


def test_only_what_was_asked_is_in_the_command(tmp_path):
    folder = tmp_path / "a b"
    request = RunRequest(minutes=10, recipe={"optimizer": "sgd"}, start_from="scratch")
    words = train_arguments(folder, request)
    assert words == [
        "train",
        f"{folder}/images.jsonl",
        "--from",
        "scratch",
        "--minutes",
        "10",
        "--set",
        'optimizer="sgd"',
        "--out",
        str(folder),
        "--track",
        "steps",
        "--resume",
    ]
    assert shlex.split(repeat_training(folder, request)["command"])[:3] == ["foveal", *words[:2]]
    assert "--resume" not in repeat_training(folder, request)["command"]


def test_the_python_is_python_and_the_set_values_are_those_of_the_command(tmp_path):
    request = RunRequest(network="x", epochs=3, seed=2, recipe={"horizontal_flip": "off"})
    lines = repeat_training(tmp_path, request)["python"]
    compile(lines, "lines", "exec")
    assert "overrides={'horizontal_flip': 'off'}" in lines
    assert "epochs=3, seed=2" in lines
    from foveal.cli.train import _overrides

    words = train_arguments(tmp_path, request)
    values = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert _overrides(values) == request.recipe
