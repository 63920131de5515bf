"""The options of the analyses: a section of the study file for each analysis that has any."""

from repatlas.study.fields import Settings

# The sections by the name of their analysis; `repatlas.catalogue.ANALYSES` names all analyses.
ANALYSIS_SECTIONS: dict[str, type[Settings]] = {}
