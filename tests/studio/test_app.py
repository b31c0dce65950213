"""The application: paths and methods it does not have, and errors of verbs."""


def test_an_unknown_path_is_one_sentence(studio):
    answer = studio.client.get("/api/nothing")
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        "the studio has no such path; reload the page",
    )


def test_an_unknown_method_is_one_sentence(studio):
    answer = studio.client.request("DELETE", "/api/projects", json={})
    assert (answer.status_code, answer.json()["error"]) == (
        405,
        "this path does not support DELETE",
    )


def test_what_a_person_can_cause_is_told_in_the_words_of_the_verb(studio):
    answer = studio.post("/api/projects", 422, name=" ")
    assert answer["error"] == "the name of a project is empty: type at least one character"


def test_what_lies_in_the_way_in_a_workspace_is_one_sentence(studio):
    path = studio.project("something in the way")
    incoming = studio.folder / "projects" / path[-8:] / "incoming"
    incoming.write_text("")
    answer = studio.client.post(
        f"{path}/uploads", content=b"x", headers={"content-type": "application/octet-stream"}
    )
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        f"cannot use {incoming}: File exists; look at what lies there, its permissions and the "
        "free space",
    )
