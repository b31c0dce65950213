"""Looking at a model over HTTP: report, scores with the project's ids, the lens of an image."""

import pytest

from foveal.rundir import read_run_data


@pytest.fixture(scope="module")
def digits_project(start_studio, copy_run, digits, digits_run, tmp_path_factory):
    """A studio, and the path of a run of a project that shows the digits' folder."""
    with start_studio(tmp_path_factory.mktemp("look") / "workspace") as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        yield studio, project, copy_run(studio, project, digits_run)


def test_scores_name_images_by_the_projects_ids(digits_project):
    studio, project, run = digits_project
    scores = studio.get(f"{project}/runs/{run.name}/scores")
    val = read_run_data(run).val
    assert (scores["n"], len(scores["images"])) == (len(val), len(val))
    columns = studio.get(f"{project}/images")
    names = {one["id"]: one["name"] for one in studio.get(project)["classes"]}
    labels = dict(zip(columns["ids"], columns["labels"], strict=True))
    for image in scores["images"]:
        assert scores["labels"][image["true"]] == names[labels[image["id"]]]


def test_a_report_is_shown_apart_from_the_studio(digits_project):
    studio, project, run = digits_project
    path = f"{project}/runs/{run.name}/report"
    assert studio.get(path, 422)["error"] == (
        "this run has no report yet: it is written when training ends"
    )
    (run / "report.html").write_text('<!doctype html><html lang="en"><title>report</title>')
    answer = studio.client.get(path, params={"lang": "ko"})
    assert '<html lang="ko">' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy  # default-src 'none' holds: nothing is sent anywhere
    (run / "report.html").write_bytes(b'<html lang="en">\xff')
    assert studio.client.get(path).text == '<html lang="en">\ufffd'


def test_the_lens_of_a_project_image_and_of_bytes(digits_project, new_digits):
    studio, project, run = digits_project
    path = f"{project}/runs/{run.name}/lens"
    made = studio.post(path, image=3)
    assert made["command"].startswith("foveal explain ")
    page = f"{path}/{made['key']}"
    assert '<html lang="en"' in studio.client.get(page).text
    korean = studio.client.get(page, params={"lang": "ko", "theme": "dark"}).text
    assert '<html data-theme="dark" lang="ko"' in korean
    assert "<html data-theme" not in studio.client.get(page, params={"theme": "x"}).text
    content = sorted(new_digits.rglob("*.png"))[0].read_bytes()
    headers = {"content-type": "application/octet-stream"}
    answer = studio.client.post(path, content=content, headers=headers).json()
    assert '<html lang="en"' in studio.client.get(f"{path}/{answer['key']}").text
    assert studio.get(f"{path}/none", 422)["error"] == (
        "this explanation is kept no longer; make it again"
    )


def test_what_is_no_image_or_not_there(digits_project):
    studio, project, run = digits_project
    headers = {"content-type": "application/octet-stream"}
    answer = studio.client.post(f"{project}/runs/{run.name}/lens", content=b"text", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("the given image cannot be read (")
    studio.post(f"{project}/runs/{run.name}/lens", 422, image=99999)


NOT_RUNS = ["none", "%2e%2e", "..%2fruns", "{run}%2f..%2f{run}", "{run}%0a", "{run}%00", "%2e"]
READ = ["", "scores", "report", "card", "exports", "exports/model.onnx", "model", "server", "live"]


@pytest.mark.parametrize("name", NOT_RUNS)
@pytest.mark.parametrize("path", READ)
def test_no_other_folder_is_a_run(digits_project, name, path):
    studio, project, run = digits_project
    answer = studio.client.get(f"{project}/runs/{name.format(run=run.name)}/{path}".rstrip("/"))
    assert answer.json()["error"] in (
        "there is no run of this id in the project; reload the page",
        "the studio has no such path; reload the page",
    )


def test_a_folder_without_a_request_is_no_run(digits_project):
    studio, project, run = digits_project
    other = run.with_name("20250101-000000")
    other.mkdir()
    (other / "report.html").write_text("not the studio's")
    assert studio.get(f"{project}/runs/{other.name}/report", 422)["error"] == (
        "there is no run of this id in the project; reload the page"
    )


def test_a_model_is_evaluated_on_test_and_the_scores_are_kept(
    digits_project, copy_run, digits, digits_run, new_digits
):
    studio, _, _ = digits_project
    project = studio.project("evaluated")
    studio.post(f"{project}/folders", path=str(digits))
    studio.post(f"{project}/folders", path=str(new_digits))
    run = copy_run(studio, project, digits_run)
    path = f"{project}/runs/{run.name}"
    assert studio.get(f"{path}/test") == {"images": 0, "models": 0, "scores": None}
    assert studio.post(f"{path}/test", 422)["error"] == (
        "there is no labelled test image that this run has not seen; put images into test in Data"
    )
    assert studio.get(f"{path}/report?split=test", 422)["error"] == (
        "this model has not been evaluated on test yet"
    )
    studio.post(f"{project}/changes", op="split", ids=list(range(300, 700)), split=3)
    made = studio.post(f"{path}/test")
    assert made["command"].startswith("foveal evaluate ")
    scores = made["scores"]
    assert (scores["n"], scores["stale"], len(scores["images"])) == (400, None, 400)
    assert studio.get(f"{path}/test") == {key: made[key] for key in ("images", "models", "scores")}
    assert "<html" in studio.client.get(f"{path}/report", params={"split": "test"}).text
    card = studio.get(f"{path}/card")
    assert (card["test"]["accuracy"], card["test"]["n"]) == (scores["accuracy"], 400)
    assert ("images" in card["test"], card["test_images"]) == (False, 400)
