"""What the analyses of first principal components ask of a study."""

from collections.abc import Iterator, Sequence

from repatlas.catalogue import ANALYSES
from repatlas.layers import select_present
from repatlas.study.grid import Run
from repatlas.study.messages import Mistake
from repatlas.study.settings import StudySettings

MEASURE = "cka_minibatch"


def mistakes_in_components(settings: StudySettings, runs: Sequence[Run]) -> Iterator[Mistake]:
    """Analyses without those that they are made from, layers that a network does not have, and
    comparisons with a measure that is not computed."""
    for number, name in enumerate(settings.analyses):
        for needed in ANALYSES[name].needs if name in ANALYSES else ():
            if needed not in settings.analyses:
                yield Mistake(
                    ("analyses", number),
                    f"found {name!r}, which is made from what {needed!r} gives; add {needed!r} to "
                    "`analyses`",
                )
    if "principal_components" in settings.analyses and MEASURE not in settings.measures:
        yield Mistake(
            ("analyses", settings.analyses.index("principal_components")),
            f"found 'principal_components', which are compared with CKA; add {MEASURE!r} to "
            "`measures`",
        )
    different = {_named(run): run.layers for run in runs}
    for network, layers in different.items():
        taken = select_present(layers, settings.principal_components.layers)
        if "principal_components" in settings.analyses and not taken:
            found = ", ".join(map(repr, settings.principal_components.layers))
            yield Mistake(
                ("principal_components", "layers"),
                f"found {found}, which names no layer of {network}; accepted are the words that "
                "`taps` takes",
            )
        if "dominant_examples" not in settings.analyses:
            continue
        named = settings.dominant_examples.layer
        if named is not None and named not in [layers[k].name for k in taken]:
            yield Mistake(
                ("dominant_examples", "layer"),
                f"found {named!r}, which is not among the layers of {network} whose first "
                "components are taken (`principal_components: {layers: ...}`)",
            )
        tapped = select_present(layers, settings.taps)
        if not any(layers[k].kind == "relu" for k in tapped):
            yield Mistake(
                ("taps",),
                "found no ReLU layer, between which `dominant_examples` compares; add 'relu'",
            )
            return


def _named(run: Run) -> str:
    model = run.spec["model"]
    depth = "" if run.design["depth"] is None else f" and depth {run.design['depth']}"
    return f"a network of architecture {model['architecture']!r}{depth}"
