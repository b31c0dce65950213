"""Projects over HTTP: made, listed, renamed, deleted."""

from foveal import __version__
from foveal.pretrained.catalog import CATALOG


def test_the_studio_lists_its_projects(start_studio, tmp_path):
    with start_studio(tmp_path / "w") as studio:
        assert studio.get("/api/studio")["projects"] == []
        made = studio.post("/api/projects", 201, name="<b>cats</b>")
        assert made == {**made, "name": "<b>cats</b>", "images": 0, "classes": 0, "runs": 0}
        facts = studio.get("/api/studio")
        assert {one["name"] for one in facts.pop("pretrained")} == set(CATALOG)
        assert facts == {
            "version": __version__,
            "workspace": str(tmp_path / "w"),
            "projects": [made],
        }


def test_a_project_is_renamed_and_deleted(studio, read_events):
    path = studio.project("one")
    ((seen, _, _),) = read_events(studio, path, 1)
    assert studio.post(path, name="two")["name"] == "two"
    assert studio.get(path)["name"] == "two"
    assert [kind for _, kind, _ in read_events(studio, path, 1, seen)] == ["project"]
    assert studio.client.request("DELETE", path, json={}).json() == {}
    assert studio.get(path, 422)["error"] == (
        "there is no project of this id in the workspace; reload the page"
    )


def test_another_projects_events_are_asked_by_its_id_only(studio):
    answer = studio.client.get("/api/projects/..%2f..%2fetc/events")
    assert answer.status_code == 404
