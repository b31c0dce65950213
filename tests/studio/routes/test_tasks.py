"""Tasks over HTTP."""


def test_nothing_runs_and_an_unknown_task_is_one_sentence(studio):
    path = studio.project("tasks")
    assert studio.get(f"{path}/tasks") == []
    assert studio.post(f"{path}/tasks/abc/cancel", 422)["error"] == (
        "there is no task of this id; it is over, or was of an earlier start"
    )
    assert studio.get("/api/projects/00000000/tasks", 422)["error"] == (
        "there is no project of this id in the workspace; reload the page"
    )
