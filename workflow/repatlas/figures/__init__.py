"""The study's figures, drawn from its tables and nothing else."""

from collections.abc import Callable, Mapping

from repatlas.catalogue import Scalar, figure_settings
from repatlas.figures import (
    accuracy,
    across_architectures,
    across_seeds,
    best_matches,
    block_deletion,
    block_metrics,
    components,
    dividing_examples,
    dominant,
    dominant_images,
    dynamics,
    dynamics_blocks,
    dynamics_within,
    interventions,
    layer_matching,
    learning_curves,
    linear_probes,
    prediction_classes,
    prediction_examples,
    prediction_pairs,
    within,
    without_pc1,
)
from repatlas.figures.lacking import emptied, filled
from repatlas.figures.notice import notice
from repatlas.figures.style import Drawing, save, style, write_networks
from repatlas.results import StudyResults

__all__ = ["Drawing", "draw", "notice", "save"]

_DRAW: dict[str, Callable[[StudyResults, Mapping[str, Scalar]], Drawing]] = {
    "within_by_depth": within.by_depth,
    "within_by_width": within.by_width,
    "within_by_fraction": within.by_fraction,
    "across_seeds": across_seeds.draw,
    "across_architectures": across_architectures.draw,
    "best_matches": best_matches.draw,
    "prediction_examples": prediction_examples.draw,
    "prediction_classes": prediction_classes.draw,
    "prediction_disagreement": prediction_pairs.draw,
    "dividing_examples": dividing_examples.draw,
    "linear_probes": linear_probes.draw,
    "block_deletion": block_deletion.draw,
    "first_component": components.first_component,
    "pc1_share": components.pc1_share,
    "sparsity": components.sparsity,
    "cka_without_pc1": without_pc1.draw,
    "dominant_projections": dominant.projections,
    "dominant_removal": dominant.removal,
    "dominant_images": dominant_images.draw,
    "dynamics_within": dynamics_within.draw,
    "dynamics_to_final": dynamics.to_final,
    "dynamics_component": dynamics.component,
    "dynamics_blocks": dynamics_blocks.draw,
    "interventions": interventions.draw,
    "layer_matching": layer_matching.draw,
    "block_metrics": block_metrics.draw,
    "accuracy": accuracy.draw,
    "learning_curves": learning_curves.draw,
}


def draw(name: str, results: StudyResults, settings: Mapping[str, Scalar] | None = None) -> Drawing:
    """Draw figure `name` of a study.

    Parameters
    ----------
    name : one of `repatlas.catalogue.FIGURES`
    results : the study, from `repatlas.load_study`
    settings : see `repatlas.catalogue.FIGURE_SETTINGS`; an axis of the grid is a setting too

    Returns the figure (inches at print size), the data frame of exactly what it shows, and its
    caption. Raises ConfigError for a setting that cannot be used, DataError where the study has no
    data for this figure, and StoreError where it has not the tables that the figure is drawn from.
    """
    chosen = figure_settings(
        name,
        settings or {},
        results.design,
        results.measures if (settings or {}).get("measure") else (),
    )
    seen = filled(results)
    with style():
        drawing = _DRAW[name](seen, chosen)
        if drawing.networks:
            write_networks(drawing.figure, drawing.networks)
    return drawing if seen is results else drawing._replace(data=emptied(drawing.data))
