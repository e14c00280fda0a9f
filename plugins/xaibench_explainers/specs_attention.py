"""Explainers that read a network's own attention."""

from xaibench.api import Explainer


def of_attention() -> list[Explainer]:
    """Of a transformer's blocks, and of CBAM."""
    return [
        Explainer(
            name="spatial-attention",
            at="xaibench_explainers.spatial_attention:spatial_attention",
            summary="the last spatial attention of a network with CBAM; the same for all classes",
            citation="Woo et al. 2018, arXiv:1807.06521",
            traits=("any-class",),
        ),
        Explainer(
            name="raw-attention",
            at="xaibench_explainers.attention:raw_attention",
            summary="the last block's attention, mean over the heads; the same for all classes",
            needs=("attention",),
            citation="as a baseline in Chefer et al. 2021, arXiv:2012.09838",
            traits=("any-class",),
        ),
        Explainer(
            name="attention-rollout",
            at="xaibench_explainers.attention:attention_rollout",
            summary="attention and skips multiplied through all blocks; the same for all classes",
            needs=("attention",),
            citation="Abnar and Zuidema 2020, arXiv:2005.00928",
            traits=("any-class",),
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
    ]
