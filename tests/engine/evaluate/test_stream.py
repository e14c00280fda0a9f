from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from xaibench.api.batch import Batch
from xaibench.api.variants import Variants
from xaibench.engine.evaluate.stream import Stream, Task

CLASSES = 3


class Recorder:
    """A network whose logits tell which image it saw, and that remembers its passes."""

    def __init__(self):
        self.passes = []

    def __call__(self, images):
        self.passes.append(len(images))
        value = images.mean((1, 2, 3))
        return torch.stack([value, 2 * value, -value], 1)


def make_batch(count=3):
    return Batch(
        tuple("abcdef"[:count]), torch.zeros(count, 3, 2, 2).double(), torch.arange(count) % CLASSES
    )


def build(row, k):
    """Variant k of image i is filled with 10 i + k."""
    return (10.0 * row + k).double()[:, None, None, None].expand(-1, 3, 2, 2)


def asks(count, score="logit", common=None):
    return (yield Variants(build, count, score, common or {}))


def expected(batch, count, longest=None):
    factors = torch.tensor([1.0, 2.0, -1.0]).double()[batch.targets]
    counts = [count] * len(batch.ids) if isinstance(count, int) else count
    curve = torch.full((len(batch.ids), max(counts)), torch.nan).double()
    for i, n in enumerate(counts):
        curve[i, :n] = factors[i] * (10.0 * i + torch.arange(n))
    return curve


@pytest.mark.parametrize("width", [1, 4, 7, 100])
def test_scores_come_back_where_they_belong(width):
    batch = make_batch()
    counts = [5, 2, [3, 0, 6]]
    answers = Stream(Recorder(), width).drive([Task(asks(count), batch) for count in counts])
    for answer, count in zip(answers, counts, strict=True):
        torch.testing.assert_close(answer.value, expected(batch, count), equal_nan=True)


def test_every_pass_but_the_last_is_full():
    network = Recorder()
    stream = Stream(network, 4)
    stream.drive([Task(asks(count), make_batch()) for count in (5, 2, [3, 0, 6])])
    assert network.passes == [4] * 7 + [2]
    assert stream.forwards == 30


def test_probabilities_are_softmaxed():
    batch = make_batch()
    (answer,) = Stream(Recorder(), 3).drive([Task(asks(2, "probability"), batch)])
    value = 10.0 * torch.arange(3)[:, None] + torch.arange(2)
    logits = torch.stack([value, 2 * value, -value], -1).double()
    wanted = batch.targets[:, None, None].expand(-1, 2, 1)
    torch.testing.assert_close(answer.value, logits.softmax(-1).gather(2, wanted)[..., 0])


def test_correct_is_one_where_the_target_is_predicted():
    """Of logits v, 2 v, -v the second is largest above zero, the third below; at zero the first."""
    batch = make_batch()

    def below(row, k):
        return build(row, k) - 10

    def asks_both():
        return (yield Variants(below, 2, "correct", {0: "start"}))

    stream = Stream(Recorder(), 3)
    (answer,) = stream.drive([Task(asks_both(), batch)])
    # image 0 is filled with -10 and -9, image 1 with 0 and 1, image 2 with 10 and 11
    assert answer.value.tolist() == [[0, 0], [0, 1], [0, 0]]
    other = Batch(batch.ids, batch.images, torch.tensor([2, 0, 1]))
    answers = stream.drive([Task(asks_both(), other), Task(asks(2, common={0: "start"}), other)])
    assert answers[0].value.tolist() == [[1, 1], [1, 0], [1, 1]]
    assert answers[1].value[:, 0].tolist() == [10, 0, 20]  # shared with scores of another kind


def test_a_method_may_ask_again():
    def twice():
        first = yield Variants(build, 2, "logit")
        second = yield Variants(build, 4, "logit")
        return first.sum() + second.sum()

    batch = make_batch()
    answers = Stream(Recorder(), 5).drive([Task(twice(), batch), Task(asks(3), batch)])
    assert answers[0].value == expected(batch, 2).sum() + expected(batch, 4).sum()
    assert answers[0].forwards == 18
    torch.testing.assert_close(answers[1].value, expected(batch, 3))


def test_a_common_variant_is_scored_once_for_all():
    network, batch = Recorder(), make_batch()
    stream = Stream(network, 4, {("start", "b"): torch.full((CLASSES,), 7.0).double()})
    answers = stream.drive([Task(asks(5, common={0: "start", 4: "end"}), batch) for _ in range(3)])
    assert sum(network.passes) == 3 * 3 * 3 + 2 + 3  # the inner ones, two starts, three ends
    for answer in answers:
        curve = expected(batch, 5)
        curve[1, 0] = 7.0
        torch.testing.assert_close(answer.value, curve)


def test_a_common_variant_is_remembered_for_the_next_call():
    network, batch = Recorder(), make_batch()
    stream = Stream(network, 4)
    stream.drive([Task(asks(2, common={0: "start"}), batch)])
    stream.drive([Task(asks(2, common={0: "start"}), batch)])
    assert sum(network.passes) == 6 + 3


def raises_while_building():
    def broken(row, k):
        raise ZeroDivisionError("no image today")

    return (yield Variants(broken, 3))


def wrong_shape():
    return (yield Variants(lambda row, k: torch.zeros(len(k), 3, 5, 5), 3))


def raises_after():
    yield Variants(build, 3)
    raise KeyError("afterwards")


def raises_before():
    raise IndexError("at once")
    yield


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        (raises_while_building, ZeroDivisionError, "no image today"),
        (wrong_shape, Exception, r"build\(\) returned \(\d, 3, 5, 5\); expected \(\d, 3, 2, 2\)"),
        (raises_after, KeyError, "afterwards"),
        (raises_before, IndexError, "at once"),
    ],
)
def test_one_methods_error_stops_that_method_alone(method, error, message):
    batch = make_batch()
    answers = Stream(Recorder(), 4).drive(
        [Task(asks(5), batch), Task(method(), batch), Task(asks(2), batch)]
    )
    with pytest.raises(error, match=message):
        raise answers[1].error
    torch.testing.assert_close(answers[0].value, expected(batch, 5))
    torch.testing.assert_close(answers[2].value, expected(batch, 2))


def test_a_failing_builder_of_a_common_variant_does_not_fail_the_others():
    def broken(row, k):
        raise ZeroDivisionError("no image today")

    def claims_first():
        return (yield Variants(broken, 2, "logit", {0: "start"}))

    batch = make_batch()
    answers = Stream(Recorder(), 4).drive(
        [Task(claims_first(), batch), Task(asks(2, common={0: "start"}), batch)]
    )
    assert isinstance(answers[0].error, ZeroDivisionError)
    torch.testing.assert_close(answers[1].value, expected(batch, 2))


def test_nothing_asked_is_nothing_done():
    network = Recorder()
    assert Stream(network, 4).drive([]) == []
    (answer,) = Stream(network, 4).drive([Task(asks([0, 0, 0]), make_batch())])
    assert answer.value.shape == (3, 0)
    assert network.passes == []


def test_time_and_forwards_are_shared_out():
    answers = Stream(Recorder(), 4).drive([Task(asks(5), make_batch()), Task(asks(1), make_batch())])
    assert [answer.forwards for answer in answers] == [15, 3]
    assert all(answer.seconds > 0 for answer in answers)


def asks_by_name(name, count=4, score="logit", build=build):
    return (yield Variants(build, count, score, {0: "start"}, name=name))


def test_what_has_one_name_and_one_owner_is_scored_once():
    network, batch = Recorder(), make_batch()
    first, second, other = batch.select([0, 1]), batch.select([2, 1]), batch
    tasks = [
        Task(asks_by_name("deletion"), first, "a"),
        Task(asks_by_name("deletion"), second, "a"),
        Task(asks_by_name("deletion"), other, "b"),
    ]
    stream = Stream(network, 5)
    answers = stream.drive(tasks)
    # image 1 of owner a once; the common start of each of the three images once
    assert stream.forwards == 3 * 4 + 3 * 3
    for answer, task in zip(answers, tasks, strict=True):
        factors = torch.tensor([1.0, 2.0, -1.0]).double()[task.batch.targets]
        assert (answer.value[:, 1:].diff() == factors[:, None]).all()
    shared = answers[1].value[1]
    assert torch.equal(shared, answers[0].value[1])


def test_a_named_curve_is_remembered_for_the_next_question():
    def twice():
        first = yield Variants(build, 3, "logit", name="same")
        again = yield Variants(build, 3, "logit", name="same")
        return first, again

    stream = Stream(Recorder(), 4)
    (answer,) = stream.drive([Task(twice(), make_batch(), "a")])
    assert torch.equal(*answer.value)
    assert stream.forwards == 9


def test_other_targets_and_kinds_of_score_are_other_curves():
    batch = make_batch(1)
    elsewhere = Batch(batch.ids, batch.images, batch.targets + 1)
    stream = Stream(Recorder(), 4)
    tasks = [
        Task(asks_by_name("x"), batch, "a"),
        Task(asks_by_name("x"), elsewhere, "a"),
        Task(asks_by_name("x", score="probability"), batch, "a"),
        Task(asks_by_name("y"), batch, "a"),
        Task(asks_by_name("x"), batch),
    ]
    stream.drive(tasks)
    assert stream.forwards == 1 + 5 * 3


def test_who_borrows_makes_it_alone_where_the_lender_failed():
    def breaks(row, k):
        raise ZeroDivisionError("lender")

    batch = make_batch()
    tasks = [
        Task(asks_by_name("x", build=breaks), batch, "a"),
        Task(asks_by_name("x"), batch, "a"),
        Task(asks_by_name("x"), batch, "a"),
    ]
    lender, *others = Stream(Recorder(), 5).drive(tasks)
    assert isinstance(lender.error, ZeroDivisionError)
    for answer in others:
        torch.testing.assert_close(answer.value, expected(batch, 4))
    assert [answer.forwards for answer in others] == [12, 0]


def of_two_classes(ids="aabb", targets=(0, 1, 2, 0)):
    """Trials of which some ask about the same image."""
    return Batch(tuple(ids), torch.zeros(len(ids), 3, 2, 2).double(), torch.tensor(targets))


def asks_whatever_the_class(count, batch, common=None, name=""):
    """What is built tells the image, not the trial."""

    def build_image(row, k):
        return build("ab".index(batch.ids[row]), k)

    return (yield Variants(build_image, count, "logit", common or {}, name, any_class=True))


def by_image(batch, counts):
    factors = torch.tensor([1.0, 2.0, -1.0]).double()[batch.targets]
    curve = torch.full((len(batch.ids), max(counts)), torch.nan).double()
    for i, n in enumerate(counts):
        curve[i, :n] = factors[i] * (10.0 * "ab".index(batch.ids[i]) + torch.arange(n))
    return curve


@pytest.mark.parametrize("ids", ["aabb", "abab", "abba"])
@pytest.mark.parametrize("width", [1, 3, 100])
@pytest.mark.parametrize("of", [{"a": 5, "b": 2}, {"a": 4, "b": 4}, {"a": 0, "b": 3}])
def test_what_does_not_depend_on_the_class_is_scored_once_an_image(ids, width, of):
    batch, counts = of_two_classes(ids), [of[image] for image in ids]
    stream = Stream(Recorder(), width)
    (answer,) = stream.drive([Task(asks_whatever_the_class(counts, batch), batch)])
    torch.testing.assert_close(answer.value, by_image(batch, counts), equal_nan=True)
    assert stream.forwards == answer.forwards == sum(of.values())


@pytest.mark.parametrize("known", [False, True])
def test_a_common_variant_reaches_every_class(known):
    batch = of_two_classes()
    common = {("start", image): build(i, torch.tensor([1]))[0] for i, image in enumerate("ab")}
    stream = Stream(Recorder(), 3)
    if known:
        stream.common = {key: Recorder()(image[None])[0] for key, image in common.items()}
    (answer,) = stream.drive([Task(asks_whatever_the_class(4, batch, {1: "start"}), batch)])
    torch.testing.assert_close(answer.value, by_image(batch, [4] * 4))
    assert stream.forwards == (6 if known else 8)


def test_a_class_that_cannot_borrow_is_scored_though_its_image_is_borrowed():
    first = of_two_classes("ab", (0, 2))
    both = of_two_classes("aabb", (0, 1, 2, 0))
    stream = Stream(Recorder(), 3)
    for batch in (first, both):
        method = asks_whatever_the_class(4, batch, name="steps")
        (answer,) = stream.drive([Task(method, batch, "owner")])
        torch.testing.assert_close(answer.value, by_image(batch, [4] * len(batch.ids)))
    assert stream.forwards == 16


class Small(Recorder):
    """Its memory holds `room` images."""

    def __init__(self, room):
        super().__init__()
        self.room, self.tried = room, []

    def __call__(self, images):
        self.tried.append(len(images))
        if len(images) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return super().__call__(images)


def test_passes_are_halved_until_memory_holds_them_and_stay_so():
    network, batch = Small(2), make_batch()
    stream = Stream(network, 8)
    (answer,) = stream.drive([Task(asks(8), batch)])
    torch.testing.assert_close(answer.value, expected(batch, 8))
    assert network.tried == [8, 4] + [2] * 12
    assert stream.width == 2
    first = len(network.tried)
    stream.drive([Task(asks(8), batch)])
    assert network.tried[first:] == [2] * 12


@pytest.mark.parametrize(("count", "tried"), [(8, [8, 4]), (20, [20, 10, 5, 3])])
def test_where_memory_runs_out_fewer_variants_are_built_at_once_from_now_on(count, tried):
    built, batch = [], make_batch()

    def large(row, k):
        built.append(len(k))
        if len(k) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return build(row, k)

    def method():
        return (yield Variants(large, count, "logit"))

    stream = Stream(Recorder(), 8)
    answers = stream.drive([Task(method(), batch), Task(asks(5), batch)])
    torch.testing.assert_close(answers[0].value, expected(batch, count))
    torch.testing.assert_close(answers[1].value, expected(batch, 5))
    assert built[: len(tried)] == tried
    assert max(built[len(tried) :]) == 2
    assert stream.width == 2
    assert [answer.forwards for answer in answers] == [3 * count, 15]


def test_a_variant_that_memory_does_not_hold_by_itself_fails_its_method():
    def huge(row, k):
        raise torch.OutOfMemoryError("CUDA out of memory")

    def method():
        return (yield Variants(huge, 4))

    batch = make_batch()
    answers = Stream(Recorder(), 4).drive([Task(method(), batch), Task(asks(5), batch)])
    assert isinstance(answers[0].error, torch.OutOfMemoryError)
    torch.testing.assert_close(answers[1].value, expected(batch, 5))


def test_an_error_that_is_not_of_memory_is_tried_once():
    tried = []

    def broken(images):
        tried.append(len(images))
        raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError, match="plug"):
        Stream(broken, 4).drive([Task(asks(4), make_batch())])
    assert tried == [4]


def test_a_method_whose_variants_fail_may_tidy_up():
    left = []

    def tidy():
        try:
            yield from raises_while_building()
        finally:
            left.append("tidied")

    method = tidy()
    Stream(Recorder(), 4).drive([Task(method, make_batch())])
    assert left == ["tidied"]


def test_what_a_method_does_to_its_curve_nobody_else_sees():
    def spoils():
        curve = yield Variants(build, 3, "logit", name="same")
        curve.zero_()

    batch = make_batch()
    stream = Stream(Recorder(), 4)
    stream.drive([Task(spoils(), batch, "a")])
    (answer,) = stream.drive([Task(asks_by_name("same", 3), batch, "a")])
    torch.testing.assert_close(answer.value, expected(batch, 3))


@pytest.mark.parametrize(("ahead", "calls"), [(0, [4, 4, 2]), (2**20, [10])])
def test_variants_for_passes_to_come_are_built_along(ahead, calls):
    built = []

    def counting(row, k):
        built.append(len(k))
        return build(row, k)

    def method():
        return (yield Variants(counting, 10))

    Stream(Recorder(), 4, ahead=ahead).drive([Task(method(), make_batch(1))])
    assert built == calls


def test_each_pass_is_told_with_its_images():
    told = []
    Stream(Recorder(), 4, on_pass=told.append).drive([Task(asks(3), make_batch())])
    assert told == [4, 4, 1]


class Crossings(TorchDispatchMode):
    """Counts what a device cannot be asked without waiting for it, and what is sent to it."""

    def __init__(self):
        super().__init__()
        self.counted = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.counted["read"] += 1
        found = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and found.device != args[0].device:
            self.counted["sent"] += 1
        return found


def on(device, batch):
    return replace(batch, images=batch.images.to(device), targets=batch.targets.to(device))


def of_every_kind(count, device):
    """Methods that own, share and borrow their variants, and their batch on the device."""
    batch = of_two_classes()
    targets = batch.targets.tolist()

    def tasks(batch):
        for name in ("", "steps", "steps"):
            method = asks_whatever_the_class(count, batch, {0: "start", count - 1: "end"}, name)
            yield Task(method, batch, "owner", targets)
        yield Task(asks([count, 0, 1, count], "probability"), batch)
        yield Task(asks(count, "correct", {0: "start"}), batch)

    return list(tasks(on(device, batch)))


def crossings(count, device):
    network, width = Recorder(), 4
    stream = Stream(network, width, ahead=4 * 12 * 8)
    with Crossings() as mode:
        answers = stream.drive(of_every_kind(count, device))
    assert [answer.error for answer in answers] == [None] * 5
    assert len(network.passes) == -(-stream.forwards // width)
    return mode.counted, len(network.passes)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_no_pass_waits_for_the_device_however_many_there_are(device):
    """What is on "meta" nobody can read: to ask for a number of it is an error."""
    few, short = crossings(6, device)
    many, long = crossings(60, device)
    assert long > 9 * short
    assert few == many
    assert few["read"] == 0
    assert few["sent"] <= 3 * 5  # cells, and where those go that others have scored


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_gpu_is_never_waited_for_and_says_the_same(device):
    expected = Stream(Recorder(), 4).drive(of_every_kind(12, "cpu"))
    tasks = of_every_kind(12, device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        answers = Stream(Recorder(), 4).drive(tasks)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for answer, known in zip(answers, expected, strict=True):
        torch.testing.assert_close(answer.value.cpu(), known.value, equal_nan=True)
