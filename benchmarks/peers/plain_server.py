"""Image classification over HTTP as in FastAPI's tutorial: MODEL PORT."""

import io
import sys

import numpy as np
import torch
from fastapi import FastAPI, File, UploadFile
from PIL import Image

import foveal

model = foveal.load(sys.argv[1])
module, labels, size = model.module.eval(), model.labels, model.manifest.network.input
app = FastAPI()


@app.post("/predict")
async def predict(file: UploadFile = File(...)):  # noqa: B008
    image = Image.open(io.BytesIO(await file.read())).convert("RGB")
    pixels = np.array(image.resize((size.width, size.height)))
    with torch.no_grad():
        logits = module(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())
    probabilities = logits.softmax(1)[0]
    best = int(probabilities.argmax())
    return {"label": labels[best], "probability": float(probabilities[best])}


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
