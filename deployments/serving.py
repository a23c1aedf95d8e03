"""Which models a configuration serves. Asked when the application is built, and before that by `run`."""

from __future__ import annotations

from deployments.errors import ConfigurationError
from deployments.settings import ModelSettings
from upscaler.catalogue import Catalogue, load_catalogue
from upscaler.errors import CatalogueError
from upscaler.weights import WeightsStore, default_cache_dir


def weights_store(settings: ModelSettings) -> WeightsStore:
    """Where this configuration looks for weights."""
    return WeightsStore(settings.weights_dir or default_cache_dir(), settings.weights_files)


def served_models(settings: ModelSettings) -> tuple[Catalogue, tuple[str, ...]]:
    """The catalogue, and the models with weights on this machine of those that the operator wants served.

    Raises ConfigurationError when the default model would not be among them.
    """
    try:
        catalogue = load_catalogue(settings.catalogue)
    except CatalogueError as error:
        raise ConfigurationError(str(error)) from error
    names = tuple(catalogue) if settings.served is None else settings.served
    unknown = sorted({*names, settings.default, *settings.weights_files} - set(catalogue))
    if unknown:
        raise ConfigurationError(f"not in the catalogue: {', '.join(unknown)}")
    if settings.default not in names:
        raise ConfigurationError(f"the default model {settings.default} is not among those served")
    for path in settings.weights_files.values():
        if not path.is_file():
            raise ConfigurationError(f"there is no weights file {path}")
    weights = weights_store(settings)
    here = tuple(name for name in names if weights.find(catalogue[name]))
    if settings.default not in here:
        raise ConfigurationError(
            f"no weights of {settings.default} on this machine: `upscale models pull {settings.default}` fetches the "
            "official ones from GitHub, and models.weights_files names files that you bring yourself"
        )
    return catalogue, here
