"""Write the table of clauses into docs/plugins.md: `python docs/make_plugins_page.py`."""

import re
from pathlib import Path

from xaibench.testing.architectures import architecture_contract
from xaibench.testing.commands import command_contract
from xaibench.testing.datasets import dataset_contract
from xaibench.testing.executors import executor_contract
from xaibench.testing.explainers import explainer_contract
from xaibench.testing.metrics import metric_contract
from xaibench.testing.models import model_contract
from xaibench.testing.report_sections import report_section_contract

PAGE = Path(__file__).with_name("plugins.md")
KINDS = {
    "explainer, modifier": explainer_contract.CONTRACT,
    "metric": metric_contract.CONTRACT,
    "model": model_contract.CONTRACT,
    "data set": dataset_contract.CONTRACT,
    "architecture": architecture_contract.CONTRACT,
    "executor": executor_contract.CONTRACT,
    "command": command_contract.CONTRACT,
    "report section": report_section_contract.CONTRACT,
}
TABLE = re.compile(r"(?<=\| --- \| --- \|\n)(?:\|.*\n|CLAUSES\n)+")


def table() -> str:
    """Return the rows of the table, one for each kind of plugin."""
    return "".join(
        f"| {kind} | {', '.join(f'`{clause.name}`' for clause in contract)} |\n"
        for kind, contract in KINDS.items()
    )


def page() -> str:
    """Return the page with the clauses of every contract."""
    return TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8"), count=1)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
