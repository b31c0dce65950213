"""How good a model is: scores, intervals, calibration, robustness and the report."""
