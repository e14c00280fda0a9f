"""The report's section of conceptors: what `xaibench figure conceptors` drew into a results folder."""

from pathlib import Path

from xaibench.api.reporting import SectionContent, SectionPicture

NAMES = ("conceptors", "conceptors-aperture")
FOLDERS = (".", "figures")
ENDINGS = (".png", ".jpg", ".jpeg")
LEAD = (
    "Explainers beside themselves under conceptors: an independent reconstruction, not the authors' "
    "algorithm."
)
ALT = "Images in rows, explainers and the same under conceptors in columns, each map over its image"


def conceptor_figures(folder: Path) -> SectionContent | None:
    """Return the pictures in a results folder or in its `figures`; None where there are none."""
    pictures = []
    for name in NAMES:
        paths = (folder / place / f"{name}{ending}" for place in FOLDERS for ending in ENDINGS)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            pictures.append(SectionPicture(path.name, path, f"{ALT} ({path.name})"))
    return SectionContent((LEAD,), tuple(pictures)) if pictures else None
