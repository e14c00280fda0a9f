"""One forward pass, and at most one backward, shared by every explainer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import torch
from torch import Tensor, nn

from xaibench.api.attention import Attentions
from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier, TargetLayer, frozen
from xaibench.api.errors import PluginError, Unsupported
from xaibench.api.types import Grid, Images, Indices, Logits, Scores, Targets

PASS_WIDTH = 8  # images in one of a capture's own passes: a graph down to the pixels is large


class SharedPass:
    """One forward of some images, the graph cut at the shallowest target layer.

    The layers below it keep nothing for a backward pass, whatever their weights' `requires_grad`.
    No hook outlives the forward. Any number of captures, each asking about its own target classes,
    may look at it; it counts the passes that they make besides: images forwarded, and backwards.

    Raises:
        PluginError: a target layer did not run, or ran more than once.
    """

    def __init__(self, classifier: Classifier, images: Images) -> None:
        self.classifier = classifier
        self.images = images
        self.forwards = 0
        self.backwards = 0
        # clone: an in-place first layer must not write to the caller's images
        with (
            frozen(classifier.network),
            _recorded(classifier.target_layers) as outputs,
            torch.enable_grad(),
        ):
            self._graph: Logits = classifier.network(images.detach().clone())
        self.outputs = [_once(layer, tensors) for layer, tensors in outputs]
        self.logits = self._graph.detach()

    def gradients_of(self, scores: Scores) -> list[Tensor]:
        """Gradients of the sum of `scores` with respect to each target layer's output."""
        self.backwards += 1
        return list(torch.autograd.grad(scores.sum(), self.outputs, retain_graph=True))

    def logit_gradients(self, rows: Sequence[int], targets: Tensor) -> list[Tensor]:
        """Gradient of each trial's target logit with respect to its image's outputs.

        One backward while every image stands in `rows` at most once; an image asked about n times
        takes n.
        """
        if _each_once(rows, self.images):
            parts = self.gradients_of(self._graph.gather(1, targets[:, None])[:, 0])
            return [gradient[: len(rows)] for gradient in parts]  # a network may add rows of its own
        index = torch.tensor(rows, device=targets.device)
        turn = torch.tensor([list(rows[:i]).count(row) for i, row in enumerate(rows)])
        gradients = [output.new_zeros((len(rows), *output.shape[1:])) for output in self.outputs]
        for n in range(int(turn.max()) + 1):
            now = (turn == n).nonzero().squeeze(1).to(targets.device)
            parts = self.gradients_of(self._graph[index[now], targets[now]])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient[now] = part[index[now]]
        return gradients

    def image_gradients(self, images: Images, targets: Targets) -> Images:
        """Gradient of each image's target logit with respect to the image.

        By forwards and backwards of their own, since the shared graph is cut above the pixels.
        Through an exactly prepared copy too: in float32 a unit at a ReLU's kink may fall either way,
        in the copy no more than in the plain network.
        """
        network = self.classifier.network
        gradients = []
        for some, wanted in zip(images.split(PASS_WIDTH), targets.split(PASS_WIDTH), strict=True):
            leaf = some.detach().clone().requires_grad_()
            with frozen(network), torch.enable_grad():
                logits = network(leaf.clone())  # clone: a first layer may work in place
                gradients += torch.autograd.grad(logits.gather(1, wanted[:, None]).sum(), leaf)
            self.forwards += len(some)
            self.backwards += 1
        return torch.cat(gradients)

    def logits_with(self, row: int, build: Callable[[Indices], Grid], count: int) -> Logits:
        """Class scores of an image if the deepest target layer gave other activations, (count, C).

        Args:
            row: which image.
            build: `build(k)` makes activations k, (n,), to put in the place of the layer's own:
                (n, K, h, w). Called for a part of them at a time.
            count: how many.

        Raises:
            Unsupported: what the layer gives cannot be written to as a grid.
        """
        network, image = self.classifier.network, self.images[row]
        logits = []
        for k in torch.arange(count, device=image.device).split(PASS_WIDTH):
            with replaced(self.classifier.target_layer, build(k)), frozen(network), torch.no_grad():
                logits.append(network(image.repeat(len(k), 1, 1, 1)))
            self.forwards += len(k)
        return torch.cat(logits)


class Capture:
    """What the target layer did on one batch: the tensors that explainers do their algebra on.

    Its tensors are shared between explainers, so nobody writes to them. `gradients` runs the
    backward pass on first use: a run of gradient-free explainers never pays for it.

    Args:
        classifier: whose target layer is looked at.
        batch: trials; several may ask about the same image.
        shared: a forward pass of the images that was made already.
        rows: which image of `shared` each trial asks about; in order where not given.
    """

    def __init__(
        self,
        classifier: Classifier,
        batch: Batch,
        shared: SharedPass | None = None,
        rows: Sequence[int] | None = None,
    ) -> None:
        self.classifier = classifier
        self.batch = batch
        self.shared = shared or SharedPass(classifier, batch.images)
        self.rows = tuple(range(len(batch.ids))) if rows is None else tuple(rows)
        self.remarks: dict[int, str] = {}

    @cached_property
    def logits(self) -> Logits:
        """Class scores of each trial's image, detached."""
        return self._of_trials(self.shared.logits)

    @cached_property
    def layer_activations(self) -> list[Grid]:
        """Activations of every target layer, shallow to deep, detached."""
        return self._grids([self._of_trials(output.detach()) for output in self.shared.outputs])

    @cached_property
    def layer_gradients(self) -> list[Grid]:
        """Gradients of each trial's target logit, for every target layer, from one backward."""
        return self._grids(self.shared.logit_gradients(self.rows, self.batch.targets))

    @property
    def activations(self) -> Grid:
        """Activations of the deepest target layer, detached."""
        return self.layer_activations[-1]

    @property
    def gradients(self) -> Grid:
        """Gradients of each trial's target logit with respect to `activations`."""
        return self.layer_gradients[-1]

    @cached_property
    def attentions(self) -> Attentions:
        """The attention of every block on each trial's image, from one forward of their own.

        Raises:
            Unsupported: the classifier provides no attention.
        """
        return Attentions(self.shared.classifier, self.batch.images, self.batch.targets, self.shared)

    def gradients_for(self, targets: Tensor) -> Grid:
        """Gradients of another class's logit for each trial, (B,), for contrastive methods."""
        return self._grids(self.shared.logit_gradients(self.rows, targets))[-1]

    @cached_property
    def image_gradients(self) -> Images:
        """Gradient of each trial's target logit with respect to its image, shared like the others."""
        return self.image_gradients_at(self.batch.images, self.batch.targets)

    def image_gradients_at(self, images: Images, targets: Targets) -> Images:
        """The same for any images, each with its target class, such as points on a path.

        Each is forwarded and backwarded once, some at a time; both are counted on `shared`.
        """
        return self.shared.image_gradients(images, targets)

    def logits_with(self, trial: int, build: Callable[[Indices], Grid], count: int) -> Logits:
        """Class scores of a trial's image if the target layer gave other activations, (count, C).

        `build(k)` makes activations k, (n,), to put in the place of the layer's own: (n, K, h, w).
        Each is a forward, counted on `shared`.

        Raises:
            Unsupported: what the layer gives cannot be written to as a grid.
        """
        return self.shared.logits_with(self.rows[trial], build, count)

    @contextmanager
    def network(self) -> Iterator[nn.Module]:
        """The network, frozen, for a method that runs it itself, such as another library's.

        The images that it forwards inside are counted on `shared`, and the backward passes from its
        logits; who has the choice asks with `Variants`, which fill passes together with other methods'.
        """
        shared, network = self.shared, self.shared.classifier.network

        def count(module: object, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
            shared.forwards += len(logits)
            if logits.requires_grad:
                logits.register_hook(count_backward)

        def count_backward(gradient: Tensor) -> None:
            shared.backwards += 1

        handle = network.register_forward_hook(count)
        try:
            with frozen(network):
                yield network
        finally:
            handle.remove()

    def remark(self, trial: int, text: str) -> None:
        """Say something about a trial's map that a reader of its row must know."""
        self.remarks[trial] = text

    def _of_trials(self, of_images: Tensor) -> Tensor:
        """A row for each trial, of one for each image; the same where each is asked about once."""
        return of_images if _each_once(self.rows, of_images) else of_images[list(self.rows)]

    def _grids(self, tensors: list[Tensor]) -> list[Grid]:
        layers = self.classifier.target_layers
        return [layer.to_grid(tensor) for layer, tensor in zip(layers, tensors, strict=True)]


@contextmanager
def replaced(layer: TargetLayer, grids: Grid) -> Iterator[None]:
    """The layer gives `grids`, (n, K, h, w), in the place of its own activations of n images.

    What else it gives, such as a class token, stays. The layer is as before afterwards, also on errors.

    Raises:
        Unsupported: its grid is a copy of what it gives, not a part that can be written to.
    """

    def put(module: object, args: object, output: Tensor) -> Tensor:
        changed = output.clone()
        own = layer.to_grid(changed)
        if own.untyped_storage().data_ptr() != changed.untyped_storage().data_ptr():
            raise Unsupported(
                f"the grid of target layer {layer.name!r} is a copy of its output, so that "
                "other activations cannot be put in its place"
            )
        own.copy_(grids)
        return changed

    handle = layer.module.register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _recorded(layers: Sequence[TargetLayer]) -> Iterator[list[tuple[TargetLayer, list[Tensor]]]]:
    """The output of each layer, each a point where gradients can be asked for."""
    outputs: list[tuple[TargetLayer, list[Tensor]]] = [(layer, []) for layer in layers]
    handles = []
    for layer, tensors in outputs:

        def record(
            module: object, args: object, output: Tensor, tensors: list[Tensor] = tensors
        ) -> Tensor:
            # A layer above another is in its graph already; elsewhere the graph starts here.
            tensors.append(output if output.requires_grad else output.detach().requires_grad_())
            return tensors[-1].clone()  # so that an in-place ReLU after the layer cannot write to ours

        handles.append(layer.module.register_forward_hook(record))
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _once(layer: TargetLayer, outputs: list[Tensor]) -> Tensor:
    if len(outputs) != 1:
        raise PluginError(
            f"target layer {layer.name!r} ran {len(outputs)} times in one forward pass; choose a "
            "module that runs once, such as the block or stage around it"
        )
    return outputs[0]


def _each_once(rows: Sequence[int], images: Tensor) -> bool:
    """Whether the trials ask about each image once, in order: what there is of images is theirs."""
    return list(rows) == list(range(len(images)))
