"""The study that everything else is about, read and checked before any job.

Needs: `config`. Gives: STUDY, the paths CONFIG and GRID of its record, WHOLE_GRID, ENVIRONMENT,
LIBRARY, the names that a rule's wildcards may have, and what a start says and refuses. A rule's code
is a parameter of it (`code_digest`), so that Snakemake reruns what a changed module concerns, and no
more.
"""

# The library lies beside this file, whether or not it is installed.
LIBRARY = str(Path(workflow.current_basedir).parent)
sys.path.insert(0, LIBRARY)

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from repatlas.catalogue import ANALYSES, FIGURES, from_activations
from repatlas.code import code_digest
from repatlas.costs.outlook import outlook, this_machine
from repatlas.data.catalogue import fingerprint
from repatlas.environment import set_up_jobs, share_gpus
from repatlas.errors import RepatlasError
from repatlas.explorer.own_files import own_files_digest
from repatlas.files import read_json, sha256_file, write_json
from repatlas.hardware import cuda_devices, free_disk
from repatlas.locks import sole_writer
from repatlas.naming import canonical_json, digest
from repatlas.own import is_own
from repatlas.own_code import own_digest
from repatlas.study import Study
from repatlas.study.needs import check_machine, probe_memory, tile_bytes
from repatlas.study.read import check_yaml
from repatlas.study.record import config_record, grid_record
from repatlas.terminal import fitted

set_up_jobs(LIBRARY)


def for_the_terminal(error):
    # As wide as it, as all messages of repatlas; whole lines where they go to a file.
    return fitted(str(error)) if sys.stderr.isatty() else str(error)


ENVIRONMENT = "../../envs/environment.yaml"

FILES = [str(path) for path in workflow.configfiles]
try:
    for file in FILES:
        check_yaml(file)
    STUDY = Study(config, FILES, kept=Path("results", ".scratch", "own"))
except RepatlasError as error:
    raise WorkflowError(for_the_terminal(error)) from None

share_gpus(STUDY.settings.jobs_per_gpu)

# The study as it was understood. Its name is the digest of its content, so that an unchanged study
# reruns nothing, and a dry run of another grid changes nothing under jobs that are running.
WHOLE_GRID = grid_record(STUDY)


def recorded(name, content):
    # Unlike the digest of a spec, for which null is as good as nothing.
    mark = digest(json.dumps(content, sort_keys=True))
    path = f"results/studies/{STUDY.name}/record/{name}-{mark}.json"
    if not Path(path).exists():
        # Another start or dry run may write it too.
        with sole_writer(path):
            write_json(path, content)
    return path


CONFIG, GRID = recorded("config", config_record(STUDY)), recorded("grid", WHOLE_GRID)


wildcard_constraints:
    dataset=r"[A-Za-z0-9._-]+-[0-9a-f]{8}",
    run=r"[A-Za-z0-9._-]+-s\d+-[0-9a-f]{8}",
    probe=r"[A-Za-z0-9._-]+-n\d+-b\d+-p\d+-[0-9a-f]{8}",
    tile=r"[A-Za-z0-9._-]+--[A-Za-z0-9._-]+--[0-9a-f]{8}",
    measure=r"[A-Za-z0-9_]+",
    size=r"\d+",
    options=r"[0-9a-f]{8}",
    figure=r"[a-z0-9_]+",


def refuse_what_cannot_run():
    try:
        check_machine(STUDY, Path("results"), cuda_devices, free_disk)
    except RepatlasError as error:
        raise WorkflowError(for_the_terminal(error)) from None


def say_what_is_to_do():
    # Asked of Snakemake, which also knows what changed code makes anew.
    to_make = {file for job in workflow.dag.needrun_jobs() for file in job.output}
    machine = this_machine(STUDY, workflow.cores or workflow.nodes)
    logger.info("\n".join(["", *outlook(STUDY, machine, lambda path: path not in to_make), ""]))


def say_what_was_found():
    # Only where the tables are this study's: another target may have been made.
    grid = Path("results", "studies", STUDY.name, "grid.json")
    finished = grid.with_name("provenance.json").exists()
    if finished and read_json(grid) == json.loads(json.dumps(WHOLE_GRID)):
        subprocess.run([sys.executable, "-m", "repatlas", "summary", grid.parent], check=False)
