"""The HTTP server: images in, predictions out, with a limit on every size and duration.

`processes.supervisor` keeps worker processes alive; each runs `processes.worker`, which serves
`app` behind `middleware` (access, ids, logs) and `http` (timeouts and sizes of connections), and
decodes and predicts in `batcher`.
"""
