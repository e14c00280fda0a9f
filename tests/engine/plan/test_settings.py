"""One definition of the settings: the TOML file, Python and the command line take the same."""

import inspect
import re
import subprocess
import sys

import pytest
from typer.main import get_command

import xaibench
from xaibench.api.errors import ConfigError
from xaibench.cli import app
from xaibench.engine.plan.config import Config, make_config, stored_config
from xaibench.engine.plan.setting_fields import settings_of_a_run
from xaibench.engine.run.settings import settle

GRID = {"grid": [{"models": ["toy"], "data": ["generated"]}]}
KEYWORDS = inspect.signature(xaibench.run).parameters


def test_python_takes_every_setting_by_an_explicit_keyword_with_its_type_and_default():
    config = make_config(GRID)
    for name in Config.__struct_fields__:
        if name != "grid":
            assert KEYWORDS[name].kind is inspect.Parameter.KEYWORD_ONLY
            assert KEYWORDS[name].default == getattr(config, name), name
            assert KEYWORDS[name].annotation is not inspect.Parameter.empty
    assert not [each for each in KEYWORDS.values() if each.kind is inspect.Parameter.VAR_KEYWORD]
    assert {"models", "data", "output", "overwrite", "config", "full", "part", "observer"} <= set(
        KEYWORDS
    )


def test_the_keywords_stand_in_the_source_in_order_with_the_types_of_the_settings():
    definition = {each.name: loose(each.type) for each in settings_of_a_run()}
    written = {name: str(KEYWORDS[name].annotation) for name in KEYWORDS if name in definition}
    assert list(written.items()) == list(definition.items())
    source = inspect.getsource(inspect.unwrap(xaibench.run))  # what editors and type checkers read
    assert all(re.search(rf"^    {name}: ", source, re.MULTILINE) for name in definition)


def loose(kind) -> str:
    """A setting's type as a caller may give it: any sequence for a tuple, any mapping for a dict."""
    text = str(kind).replace("tuple[str, ...]", "collections.abc.Sequence[str]")
    return re.sub(r"\bdict\[", "collections.abc.Mapping[", text)


class Settled(Exception):  # noqa: N818
    """The settings and the folder with which a run would begin."""


@pytest.fixture
def not_begun(monkeypatch):
    """Have runs stop with `Settled` where they would begin."""

    def stop(config, folder, *_, part, **__):
        raise Settled(config, folder, part)

    monkeypatch.setattr("xaibench.engine.run.run.run", stop)


@pytest.mark.parametrize(("keywords", "seed"), [({}, 5), ({"seed": 0}, 0), ({"seed": 7}, 7)])
def test_a_keyword_that_is_not_written_leaves_the_setting_of_the_file(
    keywords, seed, tmp_path, not_begun
):
    (tmp_path / "mine.toml").write_text(make_config({**GRID, "seed": 5, "images_per_shard": 2}).toml())
    with pytest.raises(Settled) as settled:
        xaibench.run(config=tmp_path / "mine.toml", **keywords)
    config = settled.value.args[0]
    assert (config.seed, config.images_per_shard) == (seed, 2)


def test_parts_in_python_have_folders_of_their_own_as_on_the_command_line(not_begun):
    folders = []
    for keywords in ({}, {"part": "1/2"}, {"part": "2/2"}, {"part": "2/2", "output": "mine"}):
        with pytest.raises(Settled) as settled:
            xaibench.run(["toy"], ["generated"], **keywords)
        folders.append(str(settled.value.args[1]))
    whole = folders[0]
    assert folders[1:] == [f"{whole}-part-1-of-2", f"{whole}-part-2-of-2", "mine"]


def test_the_docstring_of_run_says_what_each_setting_means():
    for setting in settings_of_a_run():
        assert f"{setting.name}: {setting.description}" in xaibench.run.__doc__


def test_the_command_line_takes_every_setting_with_the_same_description():
    (command,) = (get_command(app).commands["run"],)
    options = {parameter.name: parameter for parameter in command.params}
    for setting in settings_of_a_run():
        if setting.name != "settings":  # tables within a table are for files
            assert options[setting.name].help.startswith(setting.description), setting.name
            assert f"--{setting.name.replace('_', '-')}" in options[setting.name].opts


def test_every_setting_has_a_description_that_is_a_sentence():
    for setting in settings_of_a_run():
        assert setting.description[0].isupper(), setting.name
        assert setting.description.endswith("."), setting.name


@pytest.mark.parametrize(
    ("wrong", "meant"), [("explainer", "explainers"), ("limits", "limit"), ("mertics", "metrics")]
)
def test_a_misspelt_keyword_or_key_says_what_was_probably_meant(wrong, meant):
    with pytest.raises(ConfigError, match=f"no setting '{wrong}'; did you mean '{meant}'"):
        xaibench.run(**{wrong: ["x"]})
    with pytest.raises(ConfigError, match=f"no setting '{wrong}'; did you mean '{meant}'"):
        make_config({**GRID, wrong: ["x"]})


def test_a_misspelt_key_of_a_grid_says_what_was_probably_meant():
    with pytest.raises(
        ConfigError, match=r"\[\[grid\]\]: there is no setting 'model'; did you mean 'models'"
    ):
        make_config({"grid": [{"model": ["toy"], "data": ["generated"]}]})


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (
            {"grid": [{**GRID["grid"][0], "seed": 1}]},
            "'seed'; it is a setting of the whole run",
        ),
        (
            {**GRID, "models": ["toy"]},
            "'models'; it is a setting of a grid",
        ),
    ],
)
def test_a_setting_in_the_wrong_table_says_where_it_belongs(settings, place):
    with pytest.raises(ConfigError, match=place):
        make_config(settings)


def test_the_former_name_of_a_setting_is_refused_and_says_the_new_one():
    for call in (lambda: xaibench.run(shard=4), lambda: make_config({**GRID, "shard": 4})):
        with pytest.raises(ConfigError, match="'shard' is called 'images_per_shard' now"):
            call()


def test_the_settings_of_a_folder_that_a_former_version_wrote_are_read(tmp_path):
    former = make_config(GRID).toml().replace("images_per_shard = 4", "shard = 2")
    assert "shard = 2" in former
    (tmp_path / "config.toml").write_text(former)
    assert stored_config(tmp_path / "config.toml").images_per_shard == 2
    with pytest.raises(ConfigError, match="images_per_shard"):
        settle(tmp_path / "config.toml")  # a file of the user's own
    (tmp_path / "scores").mkdir()
    assert settle(tmp_path / "config.toml").images_per_shard == 2


@pytest.mark.parametrize("name", ["models", "data", "explainers", "metrics", "classes", "subset"])
def test_a_string_where_a_list_is_meant_is_refused_and_says_how_to_write_it(name):
    with pytest.raises(ConfigError, match=rf'{name}="cam" is a string.*{name}=\["cam"\]'):
        xaibench.run(**{name: "cam"})


def test_a_string_where_a_file_should_have_a_list_says_how_to_write_it():
    with pytest.raises(ConfigError, match=r'write explainers = \["cam"\]'):
        make_config({**GRID, "explainers": "cam"})
    with pytest.raises(ConfigError, match=r'write models = \["toy"\]'):
        make_config({"grid": [{"models": "toy", "data": ["generated"]}]})


def test_a_part_is_written_in_python_as_on_the_command_line():
    with pytest.raises(ConfigError, match="part '9/8': expected i/n"):
        xaibench.run(part="9/8")


def test_the_package_shows_what_it_offers_and_opens_no_torch():
    code = (
        "import sys, xaibench, inspect; names = dir(xaibench); inspect.signature(xaibench.run); "
        "assert {'run', 'explain', 'score', 'Results'} <= set(names), names; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
