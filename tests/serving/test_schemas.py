"""The published schemas have the fields of what is really sent."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from foveal.model.manifest import Manifest
from foveal.prediction.prediction import Prediction, make_prediction
from foveal.serving.schemas import (
    ErrorSchema,
    InferRequest,
    LabelProbabilitySchema,
    PredictionSchema,
)
from foveal.spec.network import Network

NETWORK = Network.model_validate(
    {"input": {"height": 4, "width": 4}, "layers": ["flatten", {"output": "softmax"}]}
)


def test_a_prediction_has_the_fields_of_predict_jsonl() -> None:
    manifest = Manifest(network=NETWORK, labels=("a", "b"))
    data = make_prediction(np.array([0.25, 0.75], np.float32), manifest, "x.png", 2).to_data()
    assert PredictionSchema.model_validate(data).model_dump(exclude_unset=True) == data
    assert set(PredictionSchema.model_fields) == {*data, "labels"}
    assert set(LabelProbabilitySchema.model_fields) == set(data["top"][0])


def test_an_unreadable_image_has_them_too() -> None:
    data = Prediction("x.png", error="empty file").to_data()
    assert PredictionSchema.model_validate(data).model_dump(exclude_unset=True) == data


def test_an_error_may_list_predictions() -> None:
    assert ErrorSchema(error="no", id="1").predictions is None


def test_an_infer_request_is_strict_and_ignores_unknown_parameters() -> None:
    tensor = {"name": "pixels", "datatype": "UINT8", "shape": [1, 4, 4, 3]}
    request = InferRequest.model_validate({"inputs": [tensor], "parameters": {"priority": 1}})
    assert request.inputs[0].parameters.binary_data_size is None
    for wrong in ({"name": "image"}, {"datatype": "FP32"}, {"shape": [1, 4, 4]}):
        with pytest.raises(ValidationError):
            InferRequest.model_validate({"inputs": [{**tensor, **wrong}]})
