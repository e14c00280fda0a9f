"""The data sets that come with xaibench, all of them built in: nothing is downloaded."""

from xaibench.api import Dataset, hookimpl


@hookimpl
def xaibench_datasets() -> list[Dataset]:
    """Photographs with boxes, cut-out objects with exact masks, and generated scenes."""
    return [
        Dataset(
            name="photos",
            at="xaibench_datasets.photos:photos",
            summary="six real photographs with boxes, one of them with an exact mask",
            classes="imagenet-1k",
        ),
        Dataset(
            name="cutouts",
            at="xaibench_datasets.cutouts:cutouts",
            summary="cut-out objects, most of them drawn, with exact masks on real textures, single and "
            "as 2 x 2 mosaics; cutouts:FOLDER reads a folder of others, such as Tux Paint's photographs",
            classes="imagenet-1k",
            folder="optional",
        ),
        Dataset(
            name="scenes",
            at="xaibench_datasets.scenes:scenes",
            summary="generated shapes on textures with distractors, exact masks, seeded",
            classes="scenes-10",
        ),
        Dataset(
            name="scenes-large",
            at="xaibench_datasets.scenes:scenes",
            summary="the same with larger objects and one or two distractors: what small networks learn "
            "from labels alone in minutes",
            settings={"fewest": 1, "most": 2, "smallest": 0.2, "largest": 0.35},
            classes="scenes-10",
        ),
    ]
