"""Compare everything in a results folder with the checksums recorded when it was made.

Names what is damaged; with --remove takes it away, so that the workflow makes it anew. Start it
while no workflow runs in the folder.
"""

import argparse
import logging
from pathlib import Path

from repatlas.errors import StoreError
from repatlas.verification import Verification, verify

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "results", type=Path, nargs="?", default=Path("results"), help="folder (default: results)"
    )
    parser.add_argument("--remove", action="store_true", help="remove what is damaged")


def run(options: argparse.Namespace) -> None:
    """Verify the folder."""
    if not options.results.is_dir():
        raise StoreError(f"There is no folder {options.results}.")
    found = verify(options.results)
    for path in found.unfinished:
        log.info("unfinished: %s (the next start of the workflow makes it)", path)
    for path in found.unchecked:
        log.info("no checksums: %s (made by an earlier version; read without this check)", path)
    if not found.damaged:
        log.info("%s: everything is as it was written.", _counts(found))
        return
    damaged = "\n".join(f"  {item.problem}" for item in found.damaged)
    if not options.remove:
        raise StoreError(
            f"{_counts(found)}; {len(found.damaged)} damaged:\n{damaged}\n"
            "The same command with --remove takes them away, so that they can be made anew."
        )
    for item in found.damaged:
        item.path.unlink(missing_ok=True)
    log.info("%s; %d damaged and removed:\n%s", _counts(found), len(found.damaged), damaged)
    log.info(
        "Make them anew first, then start the study as ever: what they were made into stays where "
        "they come out the same.\n"
        "  snakemake --cores all --configfile STUDY.yaml -- %s\n"
        "  make CONFIG=STUDY.yaml",
        " ".join(dict.fromkeys(str(item.path) for item in found.damaged)),
    )


def _counts(found: Verification) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in found.counts.items()) or "nothing there"
