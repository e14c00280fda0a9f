"""The explainers that come with xaibench."""

from xaibench.api import Explainer, hookimpl

RECONSTRUCTION = (
    "independent reconstruction from the abstract; not the authors' algorithm and not a "
    "reproduction of their numbers"
)
SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"
JIANG = "Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943"
QIAN = "after Qian et al. 2022, arXiv:2201.08636"


@hookimpl
def xaibench_explainers() -> list[Explainer]:
    """CAMs, some of them regulated by conceptors; transformers' attention; three null explainers."""
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
            name="grad-cam+conceptors",
            at="xaibench_explainers.conceptor_cam:grad_cam_conceptors",
            summary="Grad-CAM regulated by the conceptor of its own evidence",
            needs=("gradients",),
            citation=f"{SELVARAJU}; {QIAN}",
            note=RECONSTRUCTION,
        ),
        Explainer(
            name="grad-cam+++conceptors",
            at="xaibench_explainers.conceptor_cam:grad_cam_plus_plus_conceptors",
            summary="Grad-CAM++ regulated by the conceptor of its own evidence",
            needs=("gradients",),
            citation=f"{CHATTOPADHAY}; {QIAN}",
            note=RECONSTRUCTION,
        ),
        Explainer(
            name="layer-cam+conceptors",
            at="xaibench_explainers.conceptor_cam:layer_cam_conceptors",
            summary="Layer-CAM regulated by the conceptor of its own evidence",
            needs=("gradients",),
            citation=f"{JIANG}; {QIAN}",
            note=RECONSTRUCTION,
        ),
        Explainer(
            name="raw-attention",
            at="xaibench_explainers.attention:raw_attention",
            summary="the last block's attention, mean over the heads; the same for all classes",
            needs=("attention",),
            citation="as a baseline in Chefer et al. 2021, arXiv:2012.09838",
        ),
        Explainer(
            name="attention-rollout",
            at="xaibench_explainers.attention:attention_rollout",
            summary="attention and skips multiplied through all blocks; the same for all classes",
            needs=("attention",),
            citation="Abnar and Zuidema 2020, arXiv:2005.00928",
        ),
        Explainer(
            name="chefer",
            at="xaibench_explainers.attention:chefer",
            summary="attention weighted by its positive gradients, summed up through all blocks",
            needs=("attention",),
            citation="Chefer et al. 2021, arXiv:2103.15679",
        ),
        Explainer(
            name="legrad",
            at="xaibench_explainers.attention:legrad",
            summary="positive gradients of the last two blocks' attention, each for its own tokens",
            needs=("attention",),
            citation="Bousselham et al. 2024, arXiv:2404.03214",
        ),
        Explainer(
            name="attention-grad-cam",
            at="xaibench_explainers.attention:attention_grad_cam",
            summary="the last block's heads weighted by the mean of their gradients",
            needs=("attention",),
            citation="as a baseline in Chefer et al. 2021, arXiv:2012.09838",
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
