"""The tidy table and its files: one row per image, target class, model, explainer and metric."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xaibench.api.errors import DataError, PluginError
from xaibench.results.atomic_write import whole_file

SCHEMA_VERSION = 4
STATUSES = ("ok", "undefined", "unsupported", "failed", "skipped")
KEY = ("cell", "image", "target", "metric")
NAMED = ("cell", "model", "dataset", "explainer")  # in every row
COSTS = (
    *("explain_ms", "explain_forwards", "explain_backwards"),
    *("metric_ms", "metric_forwards", "metric_backwards"),
)
SHARED_PASS = "shared-pass"  # the explainer named in the row that holds the shared pass's time


@dataclass(frozen=True)
class Row:
    """One score, or the reason why there is none, and all facts that are needed to compute it again.

    Args:
        run: name of the run.
        cell: content key of model, explainer, data and metric.
        status: one of STATUSES; each but "ok" has a reason; with "ok" it is a remark on map or score.
        explainer_note: what a reader must be told wherever the explainer is named.
        layer, layout, grid: the target layer that was resolved, how its output lies ("channels first",
            "channels last" or "tokens"), and its height x width in cells.
        image, image_sha: name in the data set, and hash of the file or pixels.
        inputs_sha: of all that the row's image gave: its content, what is asked of it, where that is.
        target: the class explained; -1 where the cell has no images.
        target_policy: "predicted" or "label".
        predicted, probability: the class with the highest logit, and the target's probability.
        ranks: whether explainers stand by the metric; see `Metric`.
        aggregate: how the scores of a data set become one value; a name of `aggregates.AGGREGATES`.
        score: NaN unless the status is "ok".
        degenerate: the map was constant; it is scored all the same.
        maps: in what precision the map came: "float32" as explained, "float16" as kept on disk.
        explain_ms, explain_forwards, explain_backwards: the explainer's own part for this image, the
            shared pass not included, which is a row of its own.
        curve: what the score was made of, where the metric keeps it; as in `Scored`.
        metric_ms, metric_forwards, metric_backwards: the metric's part.
        dtype: of the stream's forwards.
        mode: how the network was run, such as "compiled" or "deterministic"; "" as ever.
    """

    run: str
    cell: str
    status: str
    model: str
    explainer: str
    dataset: str
    metric: str
    reason: str = ""
    weights_sha: str = ""
    layer: str = ""
    layout: str = ""
    grid: str = ""
    explainer_version: int = 0
    explainer_params: str = "{}"
    explainer_note: str = ""
    image: str = ""
    image_sha: str = ""
    inputs_sha: str = ""
    target: int = -1
    target_policy: str = ""
    predicted: int = -1
    probability: float = float("nan")
    metric_version: int = 0
    metric_params: str = "{}"
    higher_is_better: bool = True
    ranks: bool = True
    aggregate: str = "mean"
    score: float = float("nan")
    curve: tuple[float, ...] = ()
    degenerate: bool = False
    maps: str = "float32"
    explain_ms: float = 0.0
    explain_forwards: float = 0.0
    explain_backwards: float = 0.0
    metric_ms: float = 0.0
    metric_forwards: float = 0.0
    metric_backwards: float = 0.0
    dtype: str = "float32"
    mode: str = ""
    device: str = ""
    seed: int = 0
    schema_version: int = SCHEMA_VERSION


ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    tuple[float, ...]: pa.list_(pa.float32()),
}
SCHEMA = pa.schema(
    # where a number has no value it is NaN, which pandas writes as null
    [pa.field(field.name, ARROW[field.type], nullable=field.type is float) for field in fields(Row)]
)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write one Parquet file atomically.

    Raises:
        PluginError: two rows have the same cell, image, target and metric.
    """
    keys = Counter((row.cell, row.image, row.target, row.metric) for row in rows)
    doubled = [key for key, times in keys.items() if times > 1]
    if doubled:
        raise PluginError(
            f"{len(doubled)} rows would be doubled, the first "
            f"{dict(zip(KEY, doubled[0], strict=True))}; "
            "does the data set give an image and class twice?"
        )
    write_table(path, pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table of rows as one Parquet file atomically.

    Raises:
        OSError: there is no room, or no right to write; nothing is left of what was begun.
    """
    with whole_file(path) as file:
        pq.write_table(table, file, compression="zstd")


def score_files(folder: Path) -> list[Path]:
    """Return the files of rows in a results folder.

    Raises:
        DataError: there is none.
    """
    paths = list((folder / "scores").glob("*.parquet"))
    if not paths:
        raise DataError(f"no results in {folder}; expected {folder / 'scores'}/*.parquet")
    return paths


def read_rows(paths: Sequence[Path]) -> pd.DataFrame:
    """Return all rows of some files, in the order of the files' names.

    Raises:
        DataError: a file cannot be read, is of another schema, or a row stands twice.
    """
    frames = [_read(path) for path in sorted(paths, key=lambda path: path.name)]
    empty = SCHEMA.empty_table().to_pandas()
    rows = pd.concat(frames, ignore_index=True) if frames else empty
    doubled = rows.duplicated(list(KEY))
    if doubled.any():
        first = rows.loc[doubled, list(KEY)].iloc[0].to_dict()
        raise DataError(f"{int(doubled.sum())} rows stand twice, the first {first}")
    return rows


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of one file.

    Args:
        path: of the file.
        columns: which; all where not given.

    Raises:
        DataError: it cannot be read, or is of another schema.
    """
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        table = file.read(columns if columns is None else list(columns))
        if names == SCHEMA.names:
            table = table.cast(pa.schema([SCHEMA.field(name) for name in table.column_names]))
            table.validate(full=True)  # text that is no UTF-8 would be met only where it is used
            refuse_unwritten(table)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}; run the same command again") from error
    if names != SCHEMA.names:
        odd = ", ".join(sorted(set(names) ^ set(SCHEMA.names)))
        raise DataError(
            f"{path} has other columns than this version writes: {odd}; run again with --overwrite"
        )
    return table


def refuse_unwritten(table: pa.Table) -> None:
    """Refuse rows that no run writes and that tables and drawings cannot show.

    Raises:
        ValueError: a row names no model, data set or explainer, or a cost is no number.
    """
    for name in set(NAMED) & set(table.column_names):
        if pc.any(pc.equal(table[name], "")).as_py():
            raise ValueError(f"a row has no {name}")
    for name in set(COSTS) & set(table.column_names):
        if not pc.all(pc.is_finite(table[name]), skip_nulls=False, min_count=0).as_py():
            raise ValueError(f"a row's {name} is no finite number")


def _read(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = read_table(path).to_pandas()
    return frame
