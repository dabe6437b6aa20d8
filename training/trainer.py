"""The training loop of all three models: steps, validation, checkpoints, resume.

Everything random is a function of the seed and the step (batches, crops, masks, dropout), so that a resumed
run continues as if it had never stopped, and two processes see the batches of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from checkpoints import cards, places, store, whole
from common import cli, progress
from training import continuation, interrupts
from training.batches import in_parts, loader
from training.meters import Meters, Waits
from training.run import Run, to_device
from training.settings import learning_rate


class Trainer:
    """Model, optimizer and progress of one run; `fit` is the loop.

    train_step(model, batch) -> (loss, metrics); validate(model, step) -> metrics with "loss", called with
    the model in eval mode on rank 0; describe() -> what the checkpoint holds besides weights (kind, config,
    labels, card). trained: what learns and is called in a step, where that is more than the model.
    """

    def __init__(
        self,
        run: Run,
        model: nn.Module,
        describe: Callable[[], dict],
        lr: float | None = None,
        trained: nn.Module | None = None,
    ) -> None:
        self.run, self.describe = run, describe
        self.model = model.to(run.device)
        self.trained = self.model if trained is None else trained.to(run.device)
        self.lr = run.settings.lr if lr is None else lr
        self.optimizer = self._optimizer(self.trained)
        self.scaler = torch.amp.GradScaler(run.device.type, enabled=run.amp == torch.float16)
        self.step = 0
        self.best, self.best_step = math.inf, -1  # loss, and the step that had it
        self.replaces = run.claim.replaces if run.claim else []
        self.stale = 0  # validations since the best
        self.recordings: dict = {}  # what `fit` trains on, by continuation.fingerprint
        self.metrics: dict[str, float] = {}  # of the validation at this step, where there was one

    def _optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        settings = self.run.settings
        trained = [p for p in module.parameters() if p.requires_grad]
        return torch.optim.AdamW(
            trained, lr=self.lr, betas=tuple(settings.betas), weight_decay=settings.weight_decay
        )

    def resume(self, path: Path) -> None:
        """Weights, optimizer, learning rate, step and best loss of a checkpoint.

        A UserError when it has weights only, or is of a run with other settings, labels or encoders.
        """
        checkpoint = store.load(path)
        cards.require_continuation(path, self.describe(), checkpoint)
        state = checkpoint.get("training")
        if state is None:
            raise cli.UserError(
                f"{path}: has weights only, nothing to resume; {continuation.instead_of(path)}"
            )
        whole.field(path, checkpoint, "training.step", int)
        try:
            self.model.load_state_dict(checkpoint["model"])
            self._restore(state)
        except whole.MISFIT as error:  # discriminators of other sizes, other weights trained, damage
            reason = cli.reason_of(error).splitlines()[0]
            raise cli.UserError(f"{path}: {reason}; give the --config and options of its run") from error
        self.metrics = checkpoint["card"].get("metrics", {})
        if self.run.rank == 0:
            self._find_best(path, checkpoint)
        self.run.logger.info(f"resumed {path} at step {self.step}, lr {self.lr:g}, best loss {self.best:.4f}")

    def _find_best(self, path: Path, checkpoint: dict) -> None:
        """The loss to beat from here on, and model-best.pt in this run's folder.

        It is the better of the one that lies there (of the folder of `path`, where this run moves) and the
        checkpoint resumed: a run that was killed may have saved the one and not the other, and an earlier
        checkpoint may be resumed.
        """
        ours, theirs = self.run.out / places.BEST, path.parent / places.BEST
        self.best, self.best_step = math.inf, -1
        found = {}
        if (place := ours if ours.is_file() else theirs).is_file() and places.BEST not in self.replaces:
            found[place] = store.load(place)
            cards.require_continuation(place, self.describe(), found[place])
        found[path] = checkpoint
        for place, candidate in found.items():
            card = candidate["card"]
            loss = card.get("metrics", {}).get("loss", math.nan)
            if self._is_better(loss, card.get("step", -1)):
                self.best, self.best_step, best = loss, card["step"], place
        if self.best_step >= 0 and best != ours:
            store.save(ours, {name: part for name, part in found[best].items() if name != "training"})

    def _is_better(self, loss: float, step: int) -> bool:
        """Whether a validated step is the best so far; a later stage of training goes before a lower loss."""
        ours, best = self._stage(step), self._stage(self.best_step)
        return not math.isnan(loss) and (loss < self.best if ours == best else ours > best)

    def _stage(self, step: int) -> int:
        """Number of the part of training that a step ends: losses of different parts do not compare."""
        return 0 if step >= 0 else -1

    def fit(self, dataset, train_step: Callable, validate: Callable) -> None:
        """Train to the last step, validating and saving on the way and at the end, or when interrupted.

        A step is not interrupted, nor is what a validation writes. One that was is done first on resuming.
        """
        run, settings = self.run, self.run.settings
        missed = 0 < self.step <= settings.steps and self._due() and not self.metrics
        if self.step >= settings.steps and not missed:
            raise cli.UserError(f"already at step {self.step} of --steps {settings.steps}; give more steps")
        self.recordings = continuation.look_at(run, dataset, self.recordings)
        network = self._distribute()
        first = self.step
        meters, waits = Meters(), Waits(loader(run, dataset, first))
        hidden = {} if run.rank == 0 else {"disable": True}
        bar = progress.bar(settings.steps, run.out.name, initial=first, unit="step", **hidden)
        self.model.train()
        try:
            if missed:
                self._validate(validate)
            for batch in waits:
                with interrupts.held():
                    meters.update(self._step(network, to_device(batch, run.device), train_step))
                    meters.update({"waited": waits.seconds})
                bar.update()
                if self.step % settings.log_every == 0:
                    speed = f", {waits.rate(self.step - first):.4g} steps/s"
                    bar.set_postfix_str(run.log_metrics("train", self.step, meters.take(), speed))
                if self._due():
                    self._validate(validate)
                if self._is_done():
                    break
        except KeyboardInterrupt as interrupt:
            self._stop(interrupt)
            raise
        finally:
            bar.close()
            if run.writer:
                run.writer.close()
        best = run.out / places.BEST
        run.logger.info(f"done; the best checkpoint is {best}, loss {self.best:.4f}")
        if run.writer:
            run.logger.info(cards.describe(store.load(best)))
        if run.world > 1:
            dist.destroy_process_group()

    def _due(self) -> bool:
        """Whether a validation follows on this step."""
        settings = self.run.settings
        return self.step % settings.validate_every == 0 or self.step == settings.steps

    def _is_done(self) -> bool:
        """Whether `patience` ends the run."""
        patience = self.run.settings.patience
        done = 0 < patience <= self.stale and self.step < self.run.settings.steps
        if done:
            self.run.logger.info(f"no gain in {self.stale} validations: ended early, at step {self.step}")
        return done

    def _stop(self, interrupt: KeyboardInterrupt) -> None:
        """Save where a run was interrupted, unless that broke off a step or a file."""
        if isinstance(interrupt, interrupts.BrokenOff):
            self.run.logger.info("broken off within a step; --resume the last model-<step>.pt")
            return
        with interrupts.held():
            self._save(f"model-{self.step}.pt", self.metrics)
        here = self.run.out / f"model-{self.step}.pt"
        self.run.logger.info(f"interrupted; resume with --resume {here}, all in all:")
        self.run.logger.info(continuation.resuming_command(here))

    def _distribute(self) -> nn.Module:
        return self.run.parallel(self.trained)

    def _step(self, network, batch: dict, train_step: Callable) -> dict[str, float]:
        # Dropout and masks of a step are the same whether or not the run was interrupted before it.
        torch.manual_seed((self.run.seed * 1_000_003 + self.step) * 64 + self.run.rank)
        parts = in_parts(batch, self.run.settings.micro_batch)
        if len(parts) == 1:
            metrics = self._advance(network, batch, train_step)
        else:
            metrics = self._advance_in_parts(network, parts, train_step)
        self.step, self.metrics = self.step + 1, {}
        return {**metrics, "lr": self.optimizer.param_groups[0]["lr"]}

    def _advance(self, network, batch: dict, train_step: Callable) -> dict[str, float]:
        return self._learn(lambda: train_step(network, batch), self.trained, self.optimizer)

    def _advance_in_parts(self, network, parts: list[dict], train_step: Callable) -> dict[str, float]:
        """As `_advance` on the whole batch, in the memory that one part takes."""
        asks = [partial(train_step, network, part) for part in parts]
        return self._descend(asks, self.trained, self.optimizer, network)

    def _autocast(self) -> torch.autocast:
        amp = self.run.amp
        return torch.autocast(self.run.device.type, dtype=amp or torch.bfloat16, enabled=amp is not None)

    def _learn(self, ask: Callable, module: nn.Module, optimizer) -> dict[str, float]:
        """One step of an optimizer down what `ask` gives: a loss, and metrics."""
        return self._descend([ask], module, optimizer)

    def _descend(self, asks: list[Callable], module: nn.Module, optimizer, network=None) -> dict[str, float]:
        """One step of an optimizer down the sum of losses, each asked for and forgotten in turn.

        network: the module as it is called, which exchanges gradients with other processes at the last alone.
        """
        settings, total, meters = self.run.settings, 0.0, Meters()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, self.step, self.lr)
        optimizer.zero_grad(set_to_none=True)
        for left, ask in zip(reversed(range(len(asks))), asks, strict=True):
            alone = left and isinstance(network, nn.parallel.DistributedDataParallel)
            with network.no_sync() if alone else nullcontext():
                with self._autocast():
                    loss, metrics = ask()
                self.scaler.scale(loss).backward()
            total = total + loss.detach()
            meters.update(metrics)
        self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(module.parameters(), settings.max_norm)
        self.scaler.step(optimizer)
        self.scaler.update()
        return {"loss": float(total), "grad_norm": float(norm), **meters.take()}

    def _validate(self, validate: Callable) -> None:
        """Rank 0 saves, so that no validation can lose the step, validates and saves; the others wait."""
        if self.run.rank == 0:
            with interrupts.held():
                self._save(f"model-{self.step}.pt", {})
            self.model.eval()
            with torch.no_grad():
                metrics = validate(self.model, self.step)
            self.model.train()
            self.run.log_metrics("valid", self.step, metrics)
            self.stale = 0 if self._is_better(metrics["loss"], self.step) else self.stale + 1
            with interrupts.held():
                self._keep(metrics)
        if self.run.world > 1:
            stale = torch.tensor(self.stale, device=self.run.device)
            dist.broadcast(stale, 0)
            self.stale = int(stale)

    def _keep(self, metrics: dict[str, float]) -> None:
        """Save a validated step, as the best so far where it is that, and prune those before it.

        The best is saved first: a process that is killed in between has it, and repeats the step.
        """
        better, self.metrics = self._is_better(metrics["loss"], self.step), metrics
        replaced, self.replaces = self.replaces, []
        if better:
            self.best, self.best_step = metrics["loss"], self.step
            self._save(places.BEST, metrics)
            self.run.logger.info(f"best so far, saved as {self.run.out / places.BEST}")
        self._save(f"model-{self.step}.pt", metrics)
        for name in set(replaced) - {places.BEST, f"model-{self.step}.pt"}:
            (self.run.out / name).unlink(missing_ok=True)
        store.prune(self.run.out, self.run.settings.keep)

    def _save(self, name: str, metrics: dict[str, float]) -> None:
        if self.run.rank > 0:
            return
        about = self.describe()
        about["card"] |= {"step": self.step, "metrics": metrics}
        # The best is for conversions and for other trainings to begin from: the optimizer is twice its size.
        state = {} if name == places.BEST else {"training": self._state()}
        store.save(self.run.out / name, {**about, "model": self.model.state_dict(), **state})

    def _state(self) -> dict:
        """What `resume` needs besides the weights; `_restore` takes it back."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "best": self.best,
            "best_step": self.best_step,
            "replaces": self.replaces,
            "lr": self.lr,
            "stale": self.stale,
            "recordings": self.recordings,
            **({} if self.trained is self.model else {"trained": self.trained.state_dict()}),
            **continuation.state_of(self.run),
        }

    def _restore(self, state: dict) -> None:
        if self.trained is not self.model:
            self.trained.load_state_dict(state["trained"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.replaces = state["step"], state.get("replaces", [])
        self.lr = state.get("lr", self.lr)  # a refinement has another than the preset
        self.stale, self.recordings = state.get("stale", 0), state.get("recordings", {})
