"""The models an experiment names: of the catalogue, or of its own entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heldout.errors import SpecError, raise_faults, unknown_name
from heldout.models.catalogue import MODELS
from heldout.models.definition import Model
from heldout.models.own import read_entry
from heldout.spec.experiment import Experiment, composed

# What stands beside the models in tables: the procedure that chooses among them, and associations.
_TAKEN = ("headline", "global", "strongest", "score_global", "score_strongest")


def check_models(experiment: Experiment) -> tuple[Model, ...]:
    """Return the experiment's models in its order.

    Parameters
    ----------
    experiment : Experiment
        Its ``models`` are names of the catalogue or of ``own_models``.

    Returns
    -------
    tuple of Model

    Raises
    ------
    SpecError
        If a name is in neither, an entry cannot be used, no model is left to choose among, or
        candidates shall be given up that are judged all at once. All faults at once.
    """
    entries = composed(experiment)["own_models"]
    faults: list[str] = []
    own: dict[str, Model] = {}
    for name, content in entries.items():
        # Tables, files and MLflow know models by their names alone.
        if name in MODELS or name in _TAKEN:
            faults.append(
                f"{experiment.where('own_models', name)}: found '{name}', a name of heldout's own; "
                f"required: another one. Rename the entry, and its file, to my_{name}."
            )
            continue
        entry = read_entry(name, content)
        faults += [
            f"{experiment.where('own_models', name, *path)}: {text}" for path, text in entry.faults
        ]
        if entry.model is not None:
            own[name] = entry.model
    known = [*MODELS, *entries]
    for number, name in enumerate(experiment.models):
        if name not in known:
            place = experiment.where("models", number)
            faults.append(
                f"{unknown_name(place, 'model', name, known)} An estimator of your own is an entry "
                f"in configs/models/{name}.yaml; a list of models there is used as use: {{models: "
                f"{name}}}."
            )
    raise_faults(SpecError, faults)
    models = tuple((MODELS | own)[name] for name in experiment.models)
    raise_faults(
        SpecError, [*_choice_faults(experiment, models), *_prune_faults(experiment, models)]
    )
    return models


def _choice_faults(experiment: Experiment, models: Sequence[Model]) -> list[str]:
    """Return a fault if no model is left to choose among."""
    if not all(model.reference for model in models):
        return []
    rivals = ", ".join(name for name, model in MODELS.items() if not model.reference)
    return [
        f"{experiment.where('models')}: only reference models are named. The headline chooses "
        f"among others; add at least one of: {rivals}."
    ]


def _prune_faults(experiment: Experiment, models: Sequence[Model]) -> list[str]:
    """Return a fault if candidates shall be given up that a kernel judges all at once."""
    compiled = [model.name for model in models if model.kernel is not None and model.space]
    if not experiment.tuning.prune or not compiled:
        return []
    return [
        f"{experiment.where('tuning', 'prune')}: found true with {', '.join(compiled)}; required: "
        "models without a compiled solver, which judges candidates faster than they could be given "
        "up. Remove prune, or these models."
    ]


def models_of(experiment: Mapping[str, Any]) -> Mapping[str, Model]:
    """Return every model that a record may name: the catalogue, and the entries of its experiment.

    Parameters
    ----------
    experiment : mapping
        Composed, as a record stores it; older ones have no ``own_models``.

    Returns
    -------
    mapping of str to Model

    Raises
    ------
    SpecError
        If an entry cannot be used here, such as one whose class is not installed.
    """
    entries = {
        name: read_entry(name, content)
        for name, content in experiment.get("own_models", {}).items()
    }
    raise_faults(
        SpecError,
        [
            f"{'.'.join(map(str, ('own_models', name, *path)))}: {text}"
            for name, entry in entries.items()
            for path, text in entry.faults
        ],
    )
    own = {name: entry.model for name, entry in entries.items() if entry.model is not None}
    return MODELS | own if own else MODELS
