"""A finished study as git keeps it: small tables, pictures with captions, configuration."""

import shutil
from pathlib import Path

from repatlas.errors import StoreError
from repatlas.files import whole_file
from repatlas.report.finished import finished

PARTS = ("config.json", "provenance.json")
PICTURES = (".png", ".txt")


def publish(study: Path, output: Path) -> list[Path]:
    """Copy the study in folder `study` to the folder `output`, and take out of it the tables and
    figures of its kind that the study no longer has. Returns the files. StoreError where the study
    is not finished, or a figure is missing."""
    record = finished(study)
    wanted = [Path(name) for name in PARTS]
    wanted += [Path("tables", name) for name in record["tables"] if name.endswith(".csv")]
    wanted += [Path("figures", name + kind) for name in record["figures"] for kind in PICTURES]
    for path in wanted:
        if not (study / path).is_file():
            raise StoreError(f"{study / path} is missing. Start the study again.")
    for folder, kinds in (("tables", (".csv",)), ("figures", PICTURES)):
        for old in (output / folder).glob("*"):
            if old.suffix in kinds and old.relative_to(output) not in wanted:
                old.unlink()
    for path in wanted:
        target = output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as partial:
            shutil.copyfile(study / path, partial)
    return [output / path for path in wanted]
