"""What a run shows before it starts, and the files it writes."""

from dataclasses import replace

from foveal.rundir import read_run_data
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.yaml import load_yaml
from foveal.training.run.summary import plan_lines, time_line, transfer_lines, write_run_files
from foveal.training.setup.budget import Budget
from foveal.training.transfer.matching import SourceModel, Transfer

SOURCE = SourceModel("m", {}, ())


def test_lines_name_data_network_values_and_time(runs):
    lines = list(plan_lines(runs.start()))
    assert lines[0] == (
        "data: 10 classes; 200 training, 60 validation and 0 test images; 0 left out as unusable"
    )
    assert lines[1] == "network: 2,062 weights, input 8x8x1"
    assert "  batch_size: 40  (set)" in lines
    assert "  compile: off  (measured: no gain on processors)" in lines
    assert lines[-1] == "plan: 15 steps, 3 epochs"


def test_with_a_budget_the_time_is_estimated(runs):
    session = runs.start(budget=Budget(600.0), epochs=2.0)
    line = list(plan_lines(session))[-1]
    assert line.startswith("plan: 10 steps, 2 epochs, about 0:0")
    assert " of the 9:" in line or " of the 10:00 min left" in line
    assert line.endswith(" MB")


def test_a_fitted_output_layer_alone_promises_no_fine_tuning(runs):
    session = runs.start()
    session.state.position.stage = "head"
    lines = []
    for value in ("off", "on"):
        recipe = session.task.recipe.model_copy(update={"fine_tune": value})
        lines.append(time_line(replace(session, task=replace(session.task, recipe=recipe))))
    assert lines == [
        "plan: the output layer is fitted to features, the other layers stay as they are",
        "plan: the output layer is fitted to features first, then fine-tuning is planned",
    ]


def test_the_files_read_back_as_what_is_trained(runs, tmp_path):
    session = runs.start()
    write_run_files(tmp_path, session)
    assert load_yaml(tmp_path / "network.yaml", Network) == session.network
    assert load_yaml(tmp_path / "recipe.yaml", Recipe) == session.task.recipe
    assert read_run_data(tmp_path) == session.data.run_data
    text = (tmp_path / "recipe.yaml").read_text()
    assert text.startswith("# seed 0\n")
    assert 'compile: "off"  # measured: no gain on processors\n' in text


def test_what_came_from_another_model_is_told():
    same = Transfer(("a.weight", "output.weight"), (), ("x", "y"))
    assert list(transfer_lines(same, SOURCE)) == ["from m: 2 of 2 tensors loaded"]
    other = Transfer(("output.weight",), ("a.weight", "a.bias"), ("x",), ("new",), ("y", "z"))
    assert list(transfer_lines(other, SOURCE)) == [
        "from m: 1 of 3 tensors loaded",
        "classes, by name: kept 'x'; new 'new'; left 'y', 'z'",
        "not loaded from m: a.weight, a.bias",
    ]
