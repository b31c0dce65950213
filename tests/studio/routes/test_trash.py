"""The trash over HTTP."""


def test_a_project_is_brought_back_and_the_trash_emptied(start_studio, tmp_path):
    with start_studio(tmp_path / "w") as studio:
        path = studio.project("one")
        key = path.rpartition("/")[2]
        studio.client.request("DELETE", path, json={})
        (one,) = studio.get("/api/trash")
        assert one == {
            "key": key,
            "project": key,
            "run": None,
            "name": "one",
            "project_name": "one",
        }
        assert studio.post(f"/api/trash/{key}/restore") == {"project": key, "run": None}
        assert studio.get(path)["name"] == "one"
        assert studio.post(f"/api/trash/{key}/restore", 422)["error"] == (
            "this is no longer in the trash; reload the page"
        )
        studio.client.request("DELETE", path, json={})
        assert studio.client.request("DELETE", "/api/trash", json={}).json() == {}
        assert studio.get("/api/trash") == []
        assert not (studio.folder / "trash" / key).exists()


def test_a_run_is_brought_back(studio, copy_run, digits_run):
    path = studio.project("with a run")
    run = copy_run(studio, path, digits_run)
    studio.client.request("DELETE", f"{path}/runs/{run.name}", json={})
    assert studio.get(f"{path}/runs") == []
    key = f"{path.rpartition('/')[2]}-{run.name}"
    assert studio.post(f"/api/trash/{key}/restore")["run"] == run.name
    assert [one["name"] for one in studio.get(f"{path}/runs")] == ["copied"]
