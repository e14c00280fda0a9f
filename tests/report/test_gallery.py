from PIL import Image
from reports import keep

from xaibench.report.gallery import draw_gallery, drawn
from xaibench.results.kept import KeptMaps


def test_the_picture_shows_the_first_images_of_each_model_and_data_set(tmp_path):
    for n in range(5):
        keep(tmp_path, f"i{n}", seed=n)
    keep(tmp_path, "i0", model="n")
    paths = sorted((tmp_path / "maps").iterdir())
    assert drawn(KeptMaps(tmp_path)) == [*paths[:3], paths[5]]
    with Image.open(draw_gallery(tmp_path, {})) as picture:
        assert picture.height == 648  # four rows of 162


def test_without_maps_there_is_no_picture(tmp_path):
    (tmp_path / "maps").mkdir()
    assert draw_gallery(tmp_path, {}) is None
