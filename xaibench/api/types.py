"""The words of the field, each with its shape.

B images (more exactly trials: an image with a class asked about), K channels, C classes,
H x W pixels, h x w grid cells.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

Images = Float[Tensor, "B 3 H W"]  # preprocessed for one classifier
Targets = Int[Tensor, " B"]  # target class of each image
Logits = Float[Tensor, "B C"]  # network output before softmax
Grid = Float[Tensor, "B K h w"]  # activations, or their gradients, at the target layer
GridMaps = Float[Tensor, "B h w"]  # saliency maps at the target layer's resolution
Maps = Float[Tensor, "B H W"]  # saliency maps at the images' resolution
Scores = Float[Tensor, " B"]  # one number an image
Masks = Bool[Tensor, "B H W"]  # True on the target object
Flags = Bool[Tensor, " B"]  # one yes or no an image
ChannelWeights = Float[Tensor, "B K"]  # one weight a channel
Curves = Float[Tensor, "B n"]  # a score for each of n variants of each image
Indices = Int[Tensor, " N"]
