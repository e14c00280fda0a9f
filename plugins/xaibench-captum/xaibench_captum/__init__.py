"""Captum's attribution methods for xaibench."""

from xaibench.api import Explainer, hookimpl

XAIBENCH_API = 1
GRADIENTS = ("image-gradients",)
NEGATIVE = "a negative control: it changes little when the network's weights are made random"


@hookimpl
def xaibench_explainers() -> list[Explainer]:
    """By gradients, by rules of their own on the way back, and by taking parts of the image away."""
    return [*by_gradients(), *by_rules(), *by_ablation()]


def by_gradients() -> list[Explainer]:
    """Plain gradients, of any network."""
    return [
        Explainer(
            name="captum-saliency",
            at="xaibench_captum.gradients:saliency",
            summary="Captum's Saliency, the largest of the colours",
            needs=GRADIENTS,
            citation="Simonyan et al. 2014, arXiv:1312.6034",
        ),
        Explainer(
            name="captum-input-x-gradient",
            at="xaibench_captum.gradients:input_x_gradient",
            summary="Captum's InputXGradient, the colours' sum",
            needs=GRADIENTS,
            citation="Shrikumar et al. 2016, arXiv:1605.01713",
        ),
        Explainer(
            name="captum-integrated-gradients",
            at="xaibench_captum.gradients:integrated_gradients",
            summary="Captum's IntegratedGradients from the mean colour, Gauss-Legendre, 50 steps",
            needs=GRADIENTS,
            citation="Sundararajan et al. 2017, arXiv:1703.01365",
        ),
        Explainer(
            name="captum-gradient-shap",
            at="xaibench_captum.gradients:gradient_shap",
            summary="Captum's GradientShap: gradients at 20 noisy points on the way from grey",
            needs=GRADIENTS,
            citation="Lundberg and Lee 2017, arXiv:1705.07874",
            traits=("seeded", "unmirrored"),
        ),
        Explainer(
            name="captum-layer-grad-cam",
            at="xaibench_captum.gradients:layer_grad_cam",
            summary="Captum's LayerGradCam at the target layer, rectified",
            needs=("gradients",),
            citation="Selvaraju et al. 2017, arXiv:1610.02391",
        ),
    ]


def by_rules() -> list[Explainer]:
    """Gradients, or relevance, changed on the way back; of networks whose every step is a module."""
    return [
        Explainer(
            name="captum-guided-backprop",
            at="xaibench_captum.rules:guided_backprop",
            summary="Captum's GuidedBackprop, its magnitude, the largest of the colours",
            needs=GRADIENTS,
            citation="Springenberg et al. 2015, arXiv:1412.6806",
            note=NEGATIVE,
        ),
        Explainer(
            name="captum-deconvolution",
            at="xaibench_captum.rules:deconvolution",
            summary="Captum's Deconvolution, its magnitude, the largest of the colours",
            needs=GRADIENTS,
            citation="Zeiler and Fergus 2014, arXiv:1311.2901",
            note=NEGATIVE,
        ),
        Explainer(
            name="captum-deep-lift",
            at="xaibench_captum.rules:deep_lift",
            summary="Captum's DeepLift from the mean colour, rescale rule, the colours' sum",
            needs=GRADIENTS,
            citation="Shrikumar et al. 2017, arXiv:1704.02685",
        ),
        Explainer(
            name="captum-lrp",
            at="xaibench_captum.rules:lrp",
            summary="Captum's LRP, epsilon rule, the colours' sum",
            needs=GRADIENTS,
            citation="Bach et al. 2015, doi:10.1371/journal.pone.0130140",
        ),
    ]


def by_ablation() -> list[Explainer]:
    """Parts of the image set to the mean colour; of any network."""
    return [
        Explainer(
            name="captum-occlusion",
            at="xaibench_captum.ablation:occlusion",
            summary="Captum's Occlusion: the logit's drop under windows of a seventh of the side",
            citation="Zeiler and Fergus 2014, arXiv:1311.2901",
        ),
        Explainer(
            name="captum-feature-ablation",
            at="xaibench_captum.ablation:feature_ablation",
            summary="Captum's FeatureAblation: the logit's drop without each of 7 x 7 parts",
            citation="Captum, arXiv:2009.07896",
        ),
    ]
