"""The command line: one sub-command for each rule of the workflow, also usable by hand.

Only the module of the chosen sub-command is imported, and its imports are what the workflow tracks
as the code of the rule.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType

from repatlas import __version__
from repatlas.errors import RepatlasError, did_you_mean
from repatlas.files import write_json
from repatlas.gpus import own_gpu
from repatlas.locks import sole_writer
from repatlas.terminal import definitions, fill, fitted

# Sub-commands for people, and those that are one step of the workflow each, in its order.
BY_HAND = {
    "plan": "what a study has still to make, in what time and on how much disk",
    "summary": "what a finished study found, and where to look",
    "archive": "one zip of a finished study, for a paper's supplement",
    "publish": "what git keeps of a finished study",
    "verify": "compare everything in a results folder with its checksums",
    "compare": "compare two stores or folders of arrays",
    "schema": "print the JSON schema of a study file",
}
STEPS = {
    "data": "make a data set's verified arrays, splits and order",
    "probe": "draw and save an ordered probe set",
    "train": "train one network",
    "load_checkpoint": "take a network from saved weights instead of training it",
    "extract": "store a network's Gram matrices (and activations) on a probe set",
    "similarity": "compare the networks of one tile",
    "network_tables": "tables of a study's networks",
    "similarity_tables": "tables of a study's similarities",
    "layer_matching_table": "how often each measure finds the same layer again",
    "best_matches_table": "which layers of other networks are most like each layer",
    "linear_probes": "fit linear classifiers to the layers of a network",
    "linear_probes_table": "table of linear probes",
    "principal_components": "first principal components of a network's layers",
    "principal_components_table": "tables of first principal components",
    "cka_without_pc1": "similarity within a network without first principal components",
    "cka_without_pc1_table": "tables of similarity without first principal components",
    "dominant_examples": "similarity within a network without its dominant examples",
    "dominant_examples_table": "tables of dominant examples",
    "dynamics": "read a network out at the checkpoints of its training",
    "dynamics_table": "tables of a study's checkpoints",
    "block_deletion": "test a network without some of its residual branches",
    "block_deletion_table": "table of block deletions",
    "predictions_table": "how architectures differ in single examples and classes",
    "own_analysis": "table of an analysis of your own",
    "comparison_table": "a study's values beside the paper's",
    "cost_table": "what each job of a study cost",
    "figure": "draw one figure of a study",
    "explorer": "make the page on which a study is explored",
    "provenance": "record what a study was made with",
    "report_pages": "pages and captions of a study's report",
    "examine": "look at code of your own that a study names",
}
COMMANDS = {**BY_HAND, **STEPS}
# Those with the option `--device`, which is `auto` where it is not given.
ON_DEVICES = (
    "train",
    "load_checkpoint",
    "extract",
    "linear_probes",
    "principal_components",
    "dynamics",
    "block_deletion",
)


def parser() -> argparse.ArgumentParser:
    """The parser that knows every sub-command's name; arguments are left to their modules."""
    top = argparse.ArgumentParser(
        prog="repatlas",
        usage="repatlas [-h] [--version] COMMAND ...",
        description=_overview(),
        epilog="`repatlas COMMAND --help` explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"repatlas {__version__}")
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    for name in COMMANDS:
        commands.add_parser(name, add_help=False)
    return top


def _overview() -> str:
    """What repatlas is, and every sub-command with its purpose, as wide as the terminal."""
    parts = [fill("Do neural networks of different width, depth and seed learn the same things?")]
    parts += ["", "For people:", *definitions(BY_HAND), ""]
    parts += [fill("Steps of the workflow (`snakemake` runs them all; they work by hand too):")]
    return "\n".join([*parts, *definitions(STEPS)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 1 with one message on standard error."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    top = parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        hint = did_you_mean(arguments[0], COMMANDS)
        top.error(f"there is no command {arguments[0]!r}{hint} (`repatlas --help` lists them all)")
    chosen, _ = top.parse_known_args(arguments[:1])
    # Before numpy is imported: one thread unless the caller says otherwise, because numbers of
    # threads differ in rounding.
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    early = _known_early(arguments[1:])
    device = early.device or ("auto" if chosen.command in ON_DEVICES else None)
    with _messages(early.log):
        try:
            # The GPU before torch is imported: a job that waits for one should hold no memory.
            with own_gpu(device) as waited:
                code = _run(chosen.command, arguments[1:])
                if device and early.log and code == 0:
                    record = {**_gpu(), "waited_seconds": waited}
                    write_json(early.log.with_suffix(".gpu.json"), record)
        except RepatlasError as error:
            return _said(error)
    return code


def _known_early(arguments: Sequence[str]) -> argparse.Namespace:
    """What must be known before the module of a command is imported: its log and its device."""
    known = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    known.add_argument("--log", type=Path)
    known.add_argument("--device")
    return known.parse_known_args(arguments)[0]


def _gpu() -> dict[str, str | float | None]:
    """Model of the GPU that the command computed on and what it took of its memory at most, in MB;
    None where it did without."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {"gpu": None, "gpu_memory_mb": None}
    memory = torch.cuda.max_memory_reserved() / 1e6
    return {"gpu": torch.cuda.get_device_name(), "gpu_memory_mb": memory}


def _run(command: str, arguments: Sequence[str]) -> int:
    module = importlib.import_module(f"repatlas.cli.{command}")
    own = argparse.ArgumentParser(
        prog=f"repatlas {command}",
        description=fill(module.__doc__ or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own.add_argument("--log", type=Path, help="also write all messages to this file")
    module.add_arguments(own)
    options = own.parse_args(arguments)
    try:
        with _alone(module, options, command):
            module.run(options)
    except RepatlasError as error:
        return _said(error)
    except Exception:
        # A defect of repatlas, not of the user's input: the traceback is the message.
        logging.getLogger("repatlas").exception("unexpected error")
        return 70
    return 0


def _said(error: RepatlasError) -> int:
    """The error as a message, and its exit code."""
    logging.getLogger("repatlas").error("%s", error)
    return error.exit_code


def _alone(
    module: ModuleType, options: argparse.Namespace, command: str
) -> AbstractContextManager[None]:
    """The exclusive lock on what the command writes: the path given as its `--output`, or as the
    option that the module calls WRITES."""
    target = getattr(options, getattr(module, "WRITES", "output"), None)
    return sole_writer(target, command) if target else nullcontext()


@contextmanager
def _messages(path: Path | None) -> Iterator[None]:
    """Messages to standard error; all of them, with times and tracebacks, to the log file. They go
    there no longer than the block lasts: a program may run several sub-commands."""
    root, warned = logging.getLogger("repatlas"), logging.getLogger("py.warnings")
    root.setLevel(logging.DEBUG)
    console = logging.StreamHandler()
    console.setLevel(logging.INFO)
    console.setFormatter(_Plain())
    root.addHandler(console)
    logging.captureWarnings(True)
    handlers: list[logging.Handler] = [console]
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, mode="w", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
        warned.addHandler(handler)
        handlers.append(handler)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for one in handlers:
            root.removeHandler(one)
            warned.removeHandler(one)
            one.close()


class _Plain(logging.Formatter):
    """The message itself; errors say that they are."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            text = f"repatlas: error: {text}"
        if sys.stderr.isatty():
            text = fitted(text)
        if record.exc_info and record.levelno >= logging.ERROR:
            text += "\n" + self.formatException(record.exc_info)
        return text
