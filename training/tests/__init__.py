"""Tests of the recipe; they skip where its libraries are absent."""

import unittest

try:
    import cv2  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401
except ImportError as missing:
    raise unittest.SkipTest(f"the recipe needs {missing.name}: see training/README.md") from missing
