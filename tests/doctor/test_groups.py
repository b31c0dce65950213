"""Groups that the splits of DATA tear apart."""

from foveal.doctor.groups import group_findings, group_warnings

SPLITS = ("train", "train", "val", "test", "test")
TEXT = (
    "1 group ('p1') has images in more than one split of DATA, so scores are too high: keep all "
    "images of a group in one split, or give no splits and Foveal divides by group"
)


def test_a_torn_group_is_an_error_and_a_warning_of_train(make_dataset):
    dataset = make_dataset("ababa", splits=SPLITS, groups=("p1", "p1", "p1", "p1", None))
    (finding,) = group_findings(dataset)
    assert (finding.kind, finding.severity, finding.count) == ("group_leak", "error", 4)
    assert finding.advice == f"{TEXT}."
    assert finding.pairs == (("0.png", "2.png"), ("0.png", "3.png"))
    assert group_warnings(dataset) == (TEXT,)


def test_many_groups_are_counted(make_dataset):
    groups = ("1", "2", "3", "4", "5")
    dataset = make_dataset("ab" * 5, splits=("train",) * 5 + ("val",) * 5, groups=groups * 2)
    assert group_warnings(dataset)[0].startswith("5 groups ('1', '2', '3' and 2 more) have images ")


def test_groups_on_one_side_and_data_without_splits_are_no_finding(make_dataset):
    whole = make_dataset("ababa", splits=SPLITS, groups=("1", "1", "2", "3", "3"))
    without = make_dataset("ab", groups=("1", "1"))
    for dataset in (whole, without, make_dataset("ab", splits=("train", "val"))):
        assert (list(group_findings(dataset)), group_warnings(dataset)) == ([], ())
