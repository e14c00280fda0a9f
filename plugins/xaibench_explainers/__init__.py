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
NEGATIVE = "a negative control: it changes little when the network's weights are made random"
SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"
JIANG = "Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943"
MUHAMMAD = "Muhammad and Yeasin 2020, arXiv:2008.00299"
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
        ),
        Explainer(
            name="spatial-attention",
            at="xaibench_explainers.spatial_attention:spatial_attention",
            summary="the last spatial attention of a network with CBAM; the same for all classes",
            citation="Woo et al. 2018, arXiv:1807.06521",
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
            needs=("attention", "gradients"),
            citation="Chefer et al. 2021, arXiv:2103.15679",
        ),
        Explainer(
            name="legrad",
            at="xaibench_explainers.attention:legrad",
            summary="positive gradients of the last two blocks' attention, each for its own tokens",
            needs=("attention", "gradients"),
            citation="Bousselham et al. 2024, arXiv:2404.03214",
        ),
        Explainer(
            name="attention-grad-cam",
            at="xaibench_explainers.attention:attention_grad_cam",
            summary="the last block's heads weighted by the mean of their gradients",
            needs=("attention", "gradients"),
            citation="as a baseline in Chefer et al. 2021, arXiv:2012.09838",
        ),
        Explainer(
            name="mean-activation",
            at="xaibench_explainers.controls:mean_activation",
            summary="mean of the channels; a control to ask for by name",
        ),
        Explainer(
            name="random-weights-cam",
            at="xaibench_explainers.controls:random_weights_cam",
            summary="channels weighted at random; a control to ask for by name",
        ),
        Explainer(
            name="almost-ones",
            at="xaibench_explainers.controls:almost_ones",
            summary="one everywhere but for a pixel: what covering all "
            "scores; a control to ask for by name",
            citation="Poppi et al. 2021, arXiv:2104.10252",
        ),
        Explainer(
            name="ground-truth",
            at="xaibench_explainers.controls:ground_truth",
            summary="the class's own mask or boxes: the ceiling of "
            "localisation; a control to ask for by name",
            version=2,
            needs=("region",),
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
        *(
            Modifier(
                name=f"contrast-{exponent}",
                at="xaibench_explainers.contrast:contrast",
                summary=f"a control: its map to the power {exponent}, the same order of pixels at "
                "another contrast",
                settings={"exponent": exponent},
            )
            for exponent in (0.5, 1.5)
        ),
    ]
