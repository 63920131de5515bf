"""The study that everything else is about, read and checked before any job.

Needs: `config`. Gives: STUDY, the paths CONFIG and GRID of its record, ENVIRONMENT, and the names
that a rule's wildcards may have. A rule's code is a parameter of it (`code_digest`), so that
Snakemake reruns what a changed module concerns, and no more.
"""

# The library lies beside this file, whether or not it is installed.
LIBRARY = str(Path(workflow.current_basedir).parent)
sys.path.insert(0, LIBRARY)

from snakemake.exceptions import WorkflowError

from repatlas.catalogue import ANALYSES, FIGURES, MEASURES
from repatlas.code import code_digest
from repatlas.data.catalogue import fingerprint
from repatlas.environment import set_up_jobs
from repatlas.errors import RepatlasError
from repatlas.files import read_json, write_json
from repatlas.hardware import cuda_devices, free_disk
from repatlas.naming import canonical_json
from repatlas.study import Study
from repatlas.study.needs import check_machine
from repatlas.study.read import check_yaml
from repatlas.study.record import config_record, grid_record

set_up_jobs(LIBRARY)
ENVIRONMENT = "../../envs/environment.yaml"

FILES = [str(path) for path in workflow.configfiles]
try:
    for file in FILES:
        check_yaml(file)
    STUDY = Study(config, FILES)
except RepatlasError as error:
    raise WorkflowError(str(error)) from None

# The study as it was understood, beside its results. Rewritten only where it changed, so that an
# unchanged study reruns nothing.
CONFIG = f"results/studies/{STUDY.name}/config.json"
GRID = f"results/studies/{STUDY.name}/grid.json"
for path, content in ((CONFIG, config_record(STUDY)), (GRID, grid_record(STUDY))):
    if not Path(path).exists() or read_json(path) != content:
        write_json(path, content)


wildcard_constraints:
    dataset=r"[A-Za-z0-9._-]+-[0-9a-f]{8}",
    run=r"[A-Za-z0-9._-]+-s\d+-[0-9a-f]{8}",
    probe=r"[A-Za-z0-9._-]+-n\d+-b\d+-p\d+-[0-9a-f]{8}",
    tile=r"[A-Za-z0-9._-]+--[A-Za-z0-9._-]+--[0-9a-f]{8}",
    measure=r"[a-z0-9_]+",
    size=r"\d+",
    options=r"[0-9a-f]{8}",
    figure=r"[a-z_]+",


def refuse_what_cannot_run():
    try:
        check_machine(STUDY, Path("results"), cuda_devices, free_disk)
    except RepatlasError as error:
        raise WorkflowError(str(error)) from None
