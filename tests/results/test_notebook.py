"""A notebook, run by a real kernel."""

import nbformat
import numpy as np
import pytest
import tables
from nbclient import NotebookClient
from PIL import Image

pytestmark = [
    pytest.mark.slow,
    # of jupyter_client and zmq themselves, at their own end
    pytest.mark.filterwarnings("default"),
]


def test_results_at_the_end_of_a_cell_are_shown_as_html(tmp_path):
    scores = np.random.default_rng(0).uniform(size=(20, 3))
    folder = tables.folder(tmp_path / "r", tables.rows(scores, ["cam", "<b>bold</b>", "edge"]))
    Image.new("RGB", (9, 5), "red").save(folder / "gallery.png")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(f"import xaibench\nresults = xaibench.Results.load({str(folder)!r})"),
        nbformat.v4.new_code_cell("results"),
        nbformat.v4.new_code_cell("results.styled()"),
    ]
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    for cell, has_picture in ((notebook.cells[1], True), (notebook.cells[2], False)):
        (output,) = cell.outputs
        assert output.output_type == "execute_result"
        html = output.data["text/html"]
        assert "m" in html
        assert "x@1 ↑" in html
        assert "&lt;b&gt;bold&lt;/b&gt;" in html
        assert "<b>bold" not in html
        assert ("data:image/png;base64," in html) == has_picture
