"""The recipe of the tracker's own detectors: data, train, export, evaluate, quantise.

Each step is a command, run from the repository's root: python3 -m training.train --help.
"""
