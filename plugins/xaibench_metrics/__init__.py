"""The metrics that come with xaibench, in folders of their families.

Each family holds its functions and, beside them, their specifications and conventions in `specs*.py`,
which import no torch. Modules that several families share lie next to the folders.
"""

from xaibench.api import Metric, hookimpl
from xaibench_metrics.cost.specs import COST
from xaibench_metrics.description.specs import MAP_COMPLEXITY, SPARSENESS
from xaibench_metrics.faithfulness.specs_adaptive import ADAPTIVE_CURVES
from xaibench_metrics.faithfulness.specs_adcc import ADCC
from xaibench_metrics.faithfulness.specs_curves import CURVES
from xaibench_metrics.faithfulness.specs_infidelity import INFIDELITY
from xaibench_metrics.faithfulness.specs_masking import MASKING
from xaibench_metrics.faithfulness.specs_peers import PEERS
from xaibench_metrics.faithfulness.specs_perturbation import PERTURBATION
from xaibench_metrics.faithfulness.specs_road import ROAD
from xaibench_metrics.localisation.specs_boxes import BOXES
from xaibench_metrics.localisation.specs_energy import ENERGY, MASK_IOU
from xaibench_metrics.localisation.specs_max_box_acc import MAX_BOX_ACC
from xaibench_metrics.localisation.specs_pixel_precision import PIXEL_PRECISION
from xaibench_metrics.localisation.specs_pointing_game import POINTING_GAME, POINTING_GAME_VARIANTS
from xaibench_metrics.sanity.specs import SANITY


@hookimpl
def xaibench_metrics() -> list[Metric]:
    """Return the metrics of all families."""
    return [
        *CURVES,
        *ADAPTIVE_CURVES,
        *MASKING,
        *ROAD,
        *PERTURBATION,
        *INFIDELITY,
        *PEERS,
        *POINTING_GAME,
        *ENERGY,
        *BOXES,
        *MAX_BOX_ACC,
        *PIXEL_PRECISION,
        *MASK_IOU,
        *POINTING_GAME_VARIANTS,
        *SPARSENESS,
        *ADCC,
        *MAP_COMPLEXITY,
        *SANITY,
        *COST,
    ]
