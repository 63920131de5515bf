"""Experiments on a trained network whose weights stay as they are: its principal components, linear
probes, block deletion, and what it was on its way there."""
