"""The explainers that come with xaibench."""

from xaibench.api import Explainer, Modifier, hookimpl

RECONSTRUCTION = (
    "independent reconstruction from the abstract; not the authors' algorithm and not a "
    "reproduction of their numbers"
)
FIRST_RECONSTRUCTION = (
    f"{RECONSTRUCTION}; the first attempt at it, kept for comparison: it hurt a real network, where "
    "what speaks for and against a class shares the same positions"
)
SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"
JIANG = "Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943"
QIAN = "after Qian et al. 2022, arXiv:2201.08636"


@hookimpl
def xaibench_explainers() -> list[Explainer]:
    """The CAMs, Conceptor-CAM twice, and three null explainers."""
    return [
        Explainer(
            name="cam",
            at="xaibench_explainers.cam:cam",
            summary="channels weighted by the target class's row of the linear head",
            needs=("linear-head",),
            citation="Zhou et al. 2016, arXiv:1512.04150",
        ),
        Explainer(
            name="grad-cam",
            at="xaibench_explainers.grad_cam:grad_cam",
            summary="channels weighted by the mean of their gradients",
            needs=("gradients",),
            citation=SELVARAJU,
        ),
        Explainer(
            name="grad-cam++",
            at="xaibench_explainers.grad_cam_plus_plus:grad_cam_plus_plus",
            summary="channels weighted by their alpha-weighted positive gradients",
            needs=("gradients",),
            citation=CHATTOPADHAY,
        ),
        Explainer(
            name="score-cam",
            at="xaibench_explainers.score_cam:score_cam",
            summary="channels weighted by the class score of the image masked by each; many forwards",
            citation="Wang et al. 2020, arXiv:1910.01279",
        ),
        Explainer(
            name="layer-cam",
            at="xaibench_explainers.layer_cam:layer_cam",
            summary="each cell of each channel weighted by its own positive gradient",
            needs=("gradients",),
            citation=JIANG,
        ),
        Explainer(
            name="conceptor-cam",
            at="xaibench_explainers.conceptor_cam:conceptor_cam",
            summary="evidence under the conceptor of the target class, and not of its rival",
            needs=("gradients",),
            citation=QIAN,
            note=RECONSTRUCTION,
        ),
        Explainer(
            name="conceptor-cam-spatial",
            at="xaibench_explainers.conceptor_cam_spatial:conceptor_cam_spatial",
            summary="the first reconstruction: the target's own evidence and not what speaks against it",
            needs=("gradients",),
            citation=QIAN,
            note=FIRST_RECONSTRUCTION,
        ),
        Explainer(
            name="random",
            at="xaibench_explainers.null:random",
            summary="noise as smooth as a CAM's: what chance alone scores",
            control=True,
        ),
        Explainer(
            name="center",
            at="xaibench_explainers.null:center",
            summary="a Gaussian at the image's centre: what a photographer's habit scores",
            control=True,
        ),
        Explainer(
            name="edge",
            at="xaibench_explainers.null:edge",
            summary="Sobel edges of the grey image: what looking without the network scores",
            control=True,
        ),
    ]


@hookimpl
def xaibench_modifiers() -> list[Modifier]:
    """Conceptors, for whatever explainer has a map at the target layer's grid."""
    return [
        Modifier(
            name="conceptors",
            at="xaibench_explainers.conceptor_cam:regulated",
            summary="regulated by the conceptor of its own evidence",
            settings={"aperture_squared": 30.0},
            citation=QIAN,
            note=RECONSTRUCTION,
        ),
        Modifier(
            name="conceptors-sharp",
            at="xaibench_explainers.conceptor_cam:regulated",
            summary="its map times that of the conceptor of its own evidence",
            settings={"aperture_squared": 3.0, "sharp": True},
            citation=QIAN,
            note=RECONSTRUCTION,
        ),
    ]
