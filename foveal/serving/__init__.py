"""The HTTP server: images in, the Predictor's answers out, with bounds on everything.

`supervisor` keeps worker processes alive; each runs `worker`, which serves `app` behind `gate`
(who may ask) and `protocol` (how slowly and how much), decodes and answers in `batcher`.
"""
