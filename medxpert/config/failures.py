"""Says in one line what is wrong with a command line or a YAML, where the libraries that read them take several."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError

from medxpert.errors import ConfigError

_REFUSED = re.compile(r"sbatch: error: (?:Batch job submission failed: )?(.+)|Could not detect \"srun\"")
_AMBIGUOUS = re.compile(r"Ambiguous value for argument '(?:\+\+)?(.*)'")


def explain(error: Exception, conf: Path) -> ConfigError:
    """Turn an exception that arose while a configuration was composed, from the YAML of a folder, into ours."""
    if isinstance(error, MissingConfigException) and "/" in str(error.missing_cfg_file):
        return ConfigError(_missing_choice(error, conf))
    if isinstance(error, OverrideParseException):
        return ConfigError(_unreadable(error.override))
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return ConfigError(f"{mark.name}:{mark.line + 1}: not valid YAML: {error.problem}")
    if is_refusal(error):
        return ConfigError(_refused(str(error)))
    cause = error.__cause__ or error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return ConfigError(f"{cause.full_key}: unknown key")
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return ConfigError(f"{cause.full_key}: {_first_paragraph(cause)}")
    ambiguous = _AMBIGUOUS.match(str(error))
    if ambiguous:
        return ConfigError(f"{ambiguous[1]}: write [...] for a list, or add --multirun to try each value")
    return ConfigError(_first_paragraph(cause))


def is_refusal(error: Exception) -> bool:
    """Tell whether SLURM refused the jobs of a sweep, or is not there."""
    return _REFUSED.search(str(error)) is not None


def _refused(words: str) -> str:
    reason = [found[1] for found in _REFUSED.finditer(words)][-1]
    if reason is None:
        return "hydra/launcher=submitit_slurm: no srun here; go where SLURM is, or take hydra/launcher=submitit_local"
    hint = "set hydra.launcher.partition=...; sinfo lists them" if "partition" in reason else "see hydra.launcher"
    return f"SLURM refused the jobs: {reason}; {hint}"


def _missing_choice(error: MissingConfigException, conf: Path) -> str:
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    # Hydra does not say what else a list of choices might hold.
    known = (path.stem for path in (conf / group).glob("*.yaml")) if error.options is None else error.options
    options = sorted(known)
    close = get_close_matches(choice, options, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{group}={choice}: no such choice; {hint}available: {', '.join(options) or 'none'}"


def _unreadable(override: str) -> str:
    override = override.removeprefix("++")
    key, sign, value = override.partition("=")
    if not sign:
        return f"expected key=value, found '{override}'"
    if set(value) & set("@?"):  # an address may hold credentials there
        value = "..."
    return f"cannot read {key}={value}; quote the value: \"{key}='{value}'\""


def _first_paragraph(error: BaseException) -> str:
    text = str(error).strip().partition("\n\n")[0].partition("\n    full_key")[0]
    return " ".join(text.split()) or type(error).__name__
