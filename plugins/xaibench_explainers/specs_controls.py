"""Controls: those to ask for by name, and the null explainers of every run."""

from xaibench.api import Explainer


def controls() -> list[Explainer]:
    """What a map scores that explains nothing, or that is the annotation itself."""
    return [
        Explainer(
            name="mean-activation",
            at="xaibench_explainers.controls:mean_activation",
            summary="mean of the channels; a control to ask for by name",
            traits=("any-class",),
        ),
        Explainer(
            name="random-weights-cam",
            at="xaibench_explainers.controls:random_weights_cam",
            summary="channels weighted at random; a control to ask for by name",
            traits=("any-class", "seeded"),
        ),
        Explainer(
            name="almost-ones",
            at="xaibench_explainers.controls:almost_ones",
            summary="one everywhere but for a pixel: what covering all "
            "scores; a control to ask for by name",
            citation="Poppi et al. 2021, arXiv:2104.10252",
            traits=("any-class", "unmirrored"),
        ),
        Explainer(
            name="ground-truth",
            at="xaibench_explainers.controls:ground_truth",
            summary="the class's own mask or boxes: the ceiling of "
            "localisation; a control to ask for by name",
            version=2,
            needs=("region",),
            traits=("any-class", "unmirrored"),
        ),
        Explainer(
            name="random",
            at="xaibench_explainers.null:random",
            summary="noise as smooth as a CAM's: what chance alone scores",
            control=True,
            traits=("any-class", "seeded", "unmirrored"),
        ),
        Explainer(
            name="center",
            at="xaibench_explainers.null:center",
            summary="a Gaussian at the image's centre: what a photographer's habit scores",
            control=True,
            traits=("any-class",),
        ),
        Explainer(
            name="edge",
            at="xaibench_explainers.null:edge",
            summary="Sobel edges of the grey image: what looking without the network scores",
            control=True,
            traits=("any-class",),
        ),
    ]
