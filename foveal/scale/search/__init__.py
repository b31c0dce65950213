"""Hyper-parameter search on Optuna: the space, the study on the disk, what choosing adds."""
