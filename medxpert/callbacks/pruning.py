"""Ends a trial of a search that is not worth going on with."""

from __future__ import annotations

import logging

import optuna
import pytorch_lightning as pl
from optuna.exceptions import OptunaError
from optuna.pruners import MedianPruner
from optuna.storages import get_storage
from pytorch_lightning.trainer.states import TrainerFn
from sqlalchemy.exc import SQLAlchemyError

from medxpert.config.jobs import Pruned
from medxpert.distributed import gather_objects, leave_group

log = logging.getLogger(__name__)
MONITORS = "val/recall@10", "val/label_f1"
"""Of retrieval, or of captions."""


class Pruning(pl.Callback):
    """Reports each epoch's validation Recall@10, or label F1, to a study; ends the job where the median is higher.

    Rank 0 reports and decides for all.

    Args:
        storage: URL of the study's database.
        study: its name.
        trial: number of the job's trial.
    """

    def __init__(self, storage: str, study: str, trial: int) -> None:
        self.storage, self.study, self.trial = storage, study, trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, and stop if told so.

        Raises:
            Pruned: on every rank.
        """
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        name = next(one for one in MONITORS if one in trainer.callback_metrics)
        value = float(trainer.callback_metrics[name])
        stop = self._report(value, trainer.current_epoch) if trainer.is_global_zero else None
        if gather_objects(stop)[0]:
            leave_group()
            raise Pruned(f"{name} of {value:.3f} after epoch {trainer.current_epoch + 1} is below the median")

    def _report(self, value: float, epoch: int) -> bool:
        """Tell whether the trial should stop; a database out of reach or a trial that was given up stops nothing."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            storage = get_storage(self.storage)
            study = optuna.load_study(study_name=self.study, storage=storage, pruner=MedianPruner(n_warmup_steps=1))
            number = storage.get_trial_id_from_study_id_trial_number(
                storage.get_study_id_from_name(self.study), self.trial
            )
            storage.set_trial_intermediate_value(number, epoch, value)
            return study.pruner.prune(study, storage.get_trial(number))
        except (OptunaError, SQLAlchemyError, KeyError) as error:  # KeyError: no such study
            reason = str(error).partition("\n")[0]
            log.warning("epoch %d was not reported to study %s: %s", epoch, self.study, reason)
            return False
