# The door: `snakemake --cores all` from the repository's root. Everything is in workflow/.
include: "workflow/Snakefile"


# An included file cannot set the default target, so the root names it.
workflow.default_target = "all"
