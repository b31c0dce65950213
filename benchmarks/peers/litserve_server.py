"""LitServe as in its documentation: MODEL PORT.

Tuned: MODEL PORT ROWS WAIT WORKERS THREADS SERVERS.
"""

import io
import sys

import litserve
import numpy as np
import torch
from PIL import Image

import foveal


class Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002
        model = foveal.load(sys.argv[1])
        self.module, self.labels = model.module.eval(), model.labels
        self.size = model.manifest.network.input

    def decode_request(self, request):
        image = Image.open(io.BytesIO(request["file"].file.read())).convert("RGB")
        pixels = np.array(image.resize((self.size.width, self.size.height)))
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()

    def predict(self, batch):
        with torch.no_grad():
            return self.module(batch).softmax(1)

    def encode_response(self, probabilities):
        probabilities = probabilities.reshape(-1)
        best = int(probabilities.argmax())
        return {"label": self.labels[best], "probability": float(probabilities[best])}


class BatchedApi(Api):
    def setup(self, device):
        super().setup(device)
        torch.set_num_threads(int(sys.argv[6]))

    def batch(self, inputs):
        return torch.cat(inputs)

    def unbatch(self, output):
        return list(output)


def untuned():
    server = litserve.LitServer(Api(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)


def tuned():
    rows, wait, workers, servers = int(sys.argv[3]), float(sys.argv[4]), *map(int, sys.argv[5:8:2])
    server = litserve.LitServer(
        BatchedApi(max_batch_size=rows, batch_timeout=wait),
        accelerator="cpu",
        workers_per_device=workers,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        generate_client_file=False,
        num_api_servers=servers,
        log_level="warning",
    )


if __name__ == "__main__":
    tuned() if len(sys.argv) > 3 else untuned()
