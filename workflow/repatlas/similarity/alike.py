"""Two stores can be compared only if their networks were probed in the same way."""

from collections.abc import Sequence

from repatlas.errors import StoreError

MUST_AGREE = (
    ("probe set, or the order of its examples,", "probe"),
    ("batch size", "batch_size"),
    ("number of passes", "passes"),
    ("number of batches", "n_batches"),
    ("number of examples", "n_examples"),
)


def check_alike(sources: Sequence[object], names: Sequence[str]) -> None:
    """StoreError, saying what differs and between which, unless all sources agree.

    Compared is what each pair of sources states: `probe`, `batch_size`, `passes`, `n_batches`,
    `n_examples`.
    """
    differences = []
    for what, attribute in MUST_AGREE:
        stated = [
            (name, getattr(source, attribute))
            for source, name in zip(sources, names, strict=True)
            if hasattr(source, attribute)
        ]
        for name, value in stated[1:]:
            if value != stated[0][1]:
                differences.append(
                    f"the {what} differs: {stated[0][1]} in {stated[0][0]}, {value} in {name}"
                )
                break
    if differences:
        raise StoreError(
            "These cannot be compared: " + "; ".join(differences) + ".\nA similarity is of what "
            "two networks compute on the same examples, in the same order and batches: extract "
            "both alike."
        )
