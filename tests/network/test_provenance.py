"""Who wrote a network file."""

import pytest

from foveal.network.provenance import designed_comment, file_source
from foveal.spec.network import Network
from foveal.spec.yaml import dump_yaml, load_yaml

NETWORK = Network(layers=["global_avg_pool", {"output": "softmax"}])
TEXT = dump_yaml(NETWORK.to_data())


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (TEXT, "you"),
        (designed_comment(NETWORK) + TEXT, "foveal design"),
        (f"# why\n{designed_comment(NETWORK)}\n{TEXT}# my note\n", "foveal design"),
        (designed_comment(NETWORK) + TEXT.replace("softmax", "sigmoid"), "foveal design, then you"),
        ("# designed by Foveal (me)\n" + TEXT, "you"),
    ],
)
def test_an_edit_of_the_network_counts_and_one_of_comments_does_not(tmp_path, text, source):
    path = tmp_path / "network.yaml"
    path.write_text(text)
    assert file_source(path, load_yaml(path, Network)) == source
