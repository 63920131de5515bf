"""What the rules share: the validated study, the names of its artifacts, and code digests.

Needs: `config`. Gives: STUDY, ENVIRONMENT, paths, and `code_digest`: a rule's code is a
parameter of it, so that Snakemake reruns what a changed module concerns, and no more.
"""

import json

# The library lies beside this file; jobs find it through the environment, and `python` is the one
# that runs Snakemake (a conda environment or container puts its own before it).
LIBRARY = str(Path(workflow.current_basedir).parent)
sys.path.insert(0, LIBRARY)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [LIBRARY, *filter(None, [os.environ.get("PYTHONPATH")])]
)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

from snakemake.exceptions import WorkflowError

from repatlas.catalogue import FIGURES, MEASURES
from repatlas.code import code_digest
from repatlas.data.catalogue import fingerprint
from repatlas.errors import RepatlasError
from repatlas.files import read_json, write_json
from repatlas.naming import canonical_json
from repatlas.study import Study
from repatlas.study.record import config_record, grid_record

ENVIRONMENT = "../../envs/environment.yaml"

try:
    STUDY = Study(config, [str(path) for path in workflow.configfiles])
except RepatlasError as error:
    raise WorkflowError(str(error)) from None

wildcard_constraints:
    study=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    dataset=r"[A-Za-z0-9._-]+-[0-9a-f]{8}",
    run=r"[A-Za-z0-9._-]+-s\d+-[0-9a-f]{8}",
    probe=r"[A-Za-z0-9._-]+-n\d+-b\d+-p\d+-[0-9a-f]{8}",
    tile=r"[A-Za-z0-9._-]+--[A-Za-z0-9._-]+--[0-9a-f]{8}",
    measure=r"[a-z_]+",
    size=r"\d+",
    figure=r"[a-z_]+",


# The study as it was understood, beside its results. Rewritten only where it changed, so that an
# unchanged study reruns nothing.
CONFIG = f"results/studies/{STUDY.name}/config.json"
GRID = f"results/studies/{STUDY.name}/grid.json"
for path, content in ((CONFIG, config_record(STUDY)), (GRID, grid_record(STUDY))):
    if not Path(path).exists() or read_json(path) != content:
        write_json(path, content)


def gram_manifest(run):
    return f"results/grams/{run}--{STUDY.probes[run].id}.manifest.json"


def study_path(*parts):
    return "/".join(["results/studies", STUDY.name, *parts])
