"""A plugin that ends its process, as a driver may, while a file called `armed` lies beside it."""

import os
import signal
from pathlib import Path

from xaibench_models.scenes import scenes_cnn

from xaibench.api import Explainer, Model, hookimpl

ARMED = Path(__file__).with_name("armed")
IMAGE = "scene-0-00003"


@hookimpl
def xaibench_models():
    return [Model(name="deadly-cnn", at="deadly:deadly_cnn", classes="scenes-10")]


@hookimpl
def xaibench_explainers():
    return [Explainer(name="deadly", at="deadly:deadly")]


def deadly_cnn():
    """Ends whoever loads it."""
    die()
    return scenes_cnn()


def deadly(capture):
    """Ends whoever explains one image."""
    if IMAGE in capture.batch.ids:
        die()
    return capture.activations.sum(1)


def die():
    if ARMED.exists():
        os.kill(os.getpid(), signal.SIGKILL)
