"""What is told after adding images."""

from foveal.studio.uploads.added import Added


def test_of_many_skipped_files_the_first_are_listed_and_all_counted():
    added = Added(added=2, ids=[7, 8], notes=["a\nb"])
    for number in range(1500):
        added.skip(f"{number}\u202e", "empty file")
    data = added.to_data()
    assert (data["added"], data["first"], data["skipped_count"]) == (2, 7, 1500)
    assert len(data["skipped"]) == 1000
    assert data["skipped"][0] == {"name": r"0\u202e", "reason": "empty file"}
    assert data["notes"] == [r"a\nb"]
