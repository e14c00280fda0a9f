"""The explainers that come with xaibench."""

from xaibench.api import Command, Explainer, Modifier, ReportSection, hookimpl
from xaibench_explainers.specs_attention import of_attention
from xaibench_explainers.specs_controls import controls as of_controls

RECONSTRUCTION = (
    "independent reconstruction from the abstract; not the authors' algorithm and not a "
    "reproduction of their numbers"
)
FIRST_RECONSTRUCTION = (
    f"{RECONSTRUCTION}; the first attempt at it, kept for comparison: it hurt a real network, where "
    "what speaks for and against a class shares the same positions"
)
NEGATIVE = "a negative control: it changes little when the network's weights are made random"
SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"
JIANG = "Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943"
MUHAMMAD = "Muhammad and Yeasin 2020, arXiv:2008.00299"
WANG = "Wang et al. 2020, arXiv:1910.01279"
QIAN = "after Qian et al. 2022, arXiv:2201.08636"


@hookimpl
def xaibench_explainers() -> list[Explainer]:
    """CAMs, gradient, perturbation and attention methods, controls, and three null explainers."""
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
            citation=WANG,
        ),
        Explainer(
            name="score-cam-512",
            at="xaibench_explainers.score_cam:score_cam",
            summary="Score-CAM of the 512 channels of largest spread; at most 512 forwards",
            settings={"most": 512},
            citation=f"after {WANG}",
            note="approximates Score-CAM: the channels of least spread are left out",
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
            name="xgrad-cam",
            at="xaibench_explainers.xgrad_cam:xgrad_cam",
            summary="channels weighted by the activation-weighted mean of their gradients",
            needs=("gradients",),
            citation="Fu et al. 2020, arXiv:2008.02312",
        ),
        Explainer(
            name="hirescam",
            at="xaibench_explainers.hirescam:hirescam",
            summary="each cell of each channel weighted by its own gradient",
            needs=("gradients",),
            citation="Draelos and Carin 2020, arXiv:2011.08891",
        ),
        Explainer(
            name="grad-cam-elementwise",
            at="xaibench_explainers.grad_cam_elementwise:grad_cam_elementwise",
            summary="the positive products of gradient and activation, cell by cell",
            needs=("gradients",),
            citation="after Selvaraju et al. 2017, arXiv:1610.02391",
        ),
        Explainer(
            name="layer-cam-fusion",
            at="xaibench_explainers.layer_cam_fusion:layer_cam_fusion",
            summary="the largest of the Layer-CAMs of several target layers",
            needs=("gradients", "several-layers"),
            citation=JIANG,
        ),
        Explainer(
            name="eigen-cam",
            at="xaibench_explainers.eigen_cam:eigen_cam",
            summary="projection of the activations on their first "
            "principal direction; no class is asked about",
            citation=MUHAMMAD,
            traits=("any-class",),
        ),
        Explainer(
            name="eigengrad-cam",
            at="xaibench_explainers.eigen_cam:eigengrad_cam",
            summary="the same of gradient times activation",
            needs=("gradients",),
            citation=f"after {MUHAMMAD}",
        ),
        Explainer(
            name="ablation-cam",
            at="xaibench_explainers.ablation_cam:ablation_cam",
            summary="channels weighted by the logit's drop without each; exact "
            "behind average pooling, else a forward a channel",
            citation="Desai and Ramaswamy 2020, WACV, doi:10.1109/WACV45572.2020.9093360",
        ),
        Explainer(
            name="opti-cam",
            at="xaibench_explainers.opti_cam:opti_cam",
            summary="the combination of channels that as a mask raises the "
            "logit most; 50 forwards and backwards",
            needs=("gradients",),
            citation="Zhang et al. 2023, arXiv:2301.07002",
            note="optimises what metrics that mask the image with the map measure",
        ),
        Explainer(
            name="saliency",
            at="xaibench_explainers.saliency:saliency",
            summary="magnitude of the gradient at each pixel",
            needs=("image-gradients",),
            citation="Simonyan et al. 2014, arXiv:1312.6034",
        ),
        Explainer(
            name="input-x-gradient",
            at="xaibench_explainers.saliency:input_x_gradient",
            summary="pixel times gradient",
            needs=("image-gradients",),
            citation="Shrikumar et al. 2016, arXiv:1605.01713",
        ),
        Explainer(
            name="smooth-grad",
            at="xaibench_explainers.smooth_grad:smooth_grad",
            summary="mean gradient of 50 noisy copies of the image",
            needs=("gradients",),
            citation="Smilkov et al. 2017, arXiv:1706.03825",
            traits=("seeded", "unmirrored"),
        ),
        Explainer(
            name="integrated-gradients",
            at="xaibench_explainers.integrated_gradients:integrated_gradients",
            summary="gradients along the line from the mean colour; each row tells how complete",
            needs=("gradients",),
            citation="Sundararajan et al. 2017, arXiv:1703.01365",
        ),
        Explainer(
            name="guided-backprop",
            at="xaibench_explainers.guided_backprop:guided_backprop",
            summary="gradients, only positive ones passed down each ReLU; a negative control",
            needs=("gradients",),
            citation="Springenberg et al. 2015, arXiv:1412.6806",
            note=NEGATIVE,
        ),
        Explainer(
            name="guided-grad-cam",
            at="xaibench_explainers.guided_backprop:guided_grad_cam",
            summary="Grad-CAM times guided back-propagation; a negative control",
            needs=("gradients",),
            citation=SELVARAJU,
            note=NEGATIVE,
        ),
        Explainer(
            name="occlusion",
            at="xaibench_explainers.occlusion:occlusion",
            summary="mean drop of the probability under the windows "
            "that cover a pixel; some 600 forwards",
            citation="Zeiler and Fergus 2014, arXiv:1311.2901",
        ),
        Explainer(
            name="rise",
            at="xaibench_explainers.rise:rise",
            summary="random masks weighted by the probability under each; 4000 forwards",
            citation="Petsiuk et al. 2018, arXiv:1806.07421",
            traits=("seeded", "unmirrored"),
        ),
        *of_attention(),
        *of_controls(),
    ]


@hookimpl
def xaibench_modifiers() -> list[Modifier]:
    """Conceptors, for whatever has a map at the target layer's grid; contrast, a control of them."""
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
        Modifier(
            name="contrast-0.5",
            at="xaibench_explainers.contrast:contrast",
            summary="a control: its map to the power 0.5, the same order of pixels at another contrast",
            settings={"exponent": 0.5},
        ),
        Modifier(
            name="contrast-1.5",
            at="xaibench_explainers.contrast:contrast",
            summary="a control: its map to the power 1.5, the same order of pixels at another contrast",
            settings={"exponent": 1.5},
        ),
    ]


@hookimpl
def xaibench_commands() -> list[Command]:
    """Return the two commands of conceptors: their figure, and the choice of their settings."""
    return [
        Command(
            group="figure",
            name="conceptors",
            at="xaibench_explainers.conceptor_commands:figure_conceptors",
            summary="Draw explainers beside themselves under conceptors, and a sweep of the aperture.",
            example="figure conceptors cat.jpg dog.jpg --output figures",
        ),
        Command(
            group="calibrate",
            name="conceptors",
            at="xaibench_explainers.conceptor_commands:calibrate_conceptors",
            summary="Choose the aperture and the read-out of conceptors, and write them as settings for "
            "a run.",
            example="calibrate conceptors --data cutouts",
        ),
    ]


@hookimpl
def xaibench_report_sections() -> list[ReportSection]:
    """Return the section that shows the figure of conceptors where a results folder has one."""
    return [
        ReportSection(
            name="conceptors",
            at="xaibench_explainers.conceptor_section:conceptor_figures",
            title="Conceptors",
            summary="what `xaibench figure conceptors --output RESULTS` drew",
        )
    ]
