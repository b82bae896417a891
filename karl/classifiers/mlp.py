"""A small neural network that learns what of two items to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier
from karl.classifiers.inputs import PairInputs, Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.evaluation.metrics import confusion, macro_f1
from karl.files import atomic_path
from karl.labels import N_RELATIONS
from karl.seeds import derive_seed, hash_uniform

if TYPE_CHECKING:
    import optuna
    import torch

__all__ = ["MLP", "NetsModel"]

_FILE: Final = "nets.safetensors"
# Pairs in a step of training, at least and at most, and steps in an epoch where they are few.
_FEWEST, _MOST, _STEPS = 16, 256, 16
# Pairs predicted at a time; bounds the memory.
_BATCH: Final = 8192
# What keeps a feature that never varies from being divided by nothing.
_LEAST_SPREAD: Final = 1e-3

Tensors = dict[str, "torch.Tensor"]


@plain_dataclass(frozen=True, eq=False)
class NetsModel(Model):
    """Fitted nets, whose mean is a committee of one.

    Parameters
    ----------
    nets : sequence of dict of str to torch.Tensor
        Weights by name.
    """

    nets: Sequence[Tensors]

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities, shape (1, n, 3); see `Model`."""
        import torch

        # In double precision, so that it does not matter with which others a pair is predicted.
        exact = [{name: tensor.double() for name, tensor in net.items()} for net in self.nets]
        parts = [np.empty((0, N_RELATIONS))]
        with torch.no_grad():
            for start in range(0, len(inputs), _BATCH):
                # All nets were fitted to the same pairs, and so scale them alike.
                seen = _seen(inputs.take(slice(start, start + _BATCH)), exact[0])
                logits = torch.stack([_forward(net, *seen) for net in exact])
                parts.append(logits.softmax(dim=2).mean(dim=0).cpu().numpy())
        return np.concatenate(parts)[None]

    def save(self, folder: Path) -> None:
        """Write all weights to one file; see `Model`."""
        from safetensors.torch import save_file

        arrays = {
            f"{number:02d}.{name}": tensor.cpu().contiguous()
            for number, net in enumerate(self.nets)
            for name, tensor in net.items()
        }
        with atomic_path(folder / _FILE) as temporary:
            save_file(arrays, temporary)

    @classmethod
    def load(cls, folder: Path, device: str) -> NetsModel:
        """Read what `save` wrote."""
        from safetensors.torch import load_file

        nets: dict[str, Tensors] = {}
        for key, tensor in sorted(load_file(folder / _FILE, device=device).items()):
            number, name = key.split(".")
            nets.setdefault(number, {})[name] = tensor
        return cls(list(nets.values()))


@dataclass(frozen=True)
class MLP(Classifier):
    """Nets over the pair features and over a projection of item vectors that they learn.

    Both items are projected by the same matrix; the nets see |p − q| and p ∘ q of the two
    projections beside the pair features, so that the order of the items says only what these
    say. Each net leaves out another fold of the training pairs, on which it stops early.

    Figures may differ by a little between processors, as those of torch do.

    Parameters
    ----------
    n_nets : int
        Nets, and folds; their probabilities are averaged.
    n_projected : int
        Dimensions of the projection; 0 leaves only the pair features.
    n_hidden : int
        Units of the hidden layer.
    dropout : float
        Share of the features and of the hidden units left out in training.
    learning_rate : float
    weight_decay : float
    max_epochs : int
    patience : int
        Epochs without a better macro-F1 on the net's fold after which it stops.
    balanced : bool
        Weight the classes by the inverse of their frequency.
    device : {"auto", "cpu", "cuda"}
        What nets are trained on; by itself a GPU, where there is one.
    tuning : Tuning, optional
        Search for size, dropout and learning rate.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019: the optimiser.
    """

    n_nets: int = Field(default=3, ge=2)
    n_projected: int = Field(default=64, ge=0)
    n_hidden: int = Field(default=96, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    max_epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=8, ge=1)
    balanced: bool = True
    device: str = Field(default="auto", pattern="auto|cpu|cuda")

    same_everywhere: ClassVar[bool] = False

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw size, dropout and learning rate; see `Classifier.suggest`."""
        return {
            "n_hidden": trial.suggest_int("n_hidden", 32, 256, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "learning_rate": trial.suggest_float("learning_rate", 5e-4, 5e-3, log=True),
        }

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> NetsModel:
        """Fit all nets; see `Classifier.fit`."""
        train = train.counting
        train.check()
        weights = (train.balanced if self.balanced else train).weights
        folds = (hash_uniform(train.groups, seed) * self.n_nets).astype(int)
        settings = {
            "n_hidden": self.n_hidden,
            "dropout": self.dropout,
            "learning_rate": self.learning_rate,
        } | parameters
        return NetsModel(
            [
                self._net(train, weights, folds == number, settings, derive_seed(seed, number))
                for number in range(self.n_nets)
            ]
        )

    def _net(
        self,
        train: TrainingSet,
        weights: NDArray[np.float64],
        held_out: NDArray[np.bool_],
        settings: Parameters,
        seed: int,
    ) -> Tensors:
        import torch

        generator = torch.Generator().manual_seed(seed % 2**63)
        net = self._start(train.inputs, settings["n_hidden"], generator)
        learnt = [tensor.requires_grad_() for name, tensor in net.items() if name[0] != "_"]
        optimizer = torch.optim.AdamW(
            learnt, lr=settings["learning_rate"], weight_decay=self.weight_decay
        )
        seen = _seen(train.inputs, net)
        device = seen[0].device
        truth = torch.tensor(train.relations, dtype=torch.long, device=device)
        weight = torch.tensor(weights / weights.mean(), dtype=torch.float32, device=device)
        if held_out.all() or not held_out.any():  # too few pairs for folds
            test = rows = torch.arange(len(train), device=device)
        else:
            rows, test = (
                torch.tensor(np.flatnonzero(k), device=device) for k in (~held_out, held_out)
            )
        step = min(max(len(rows) // _STEPS, _FEWEST), _MOST)
        best, best_score, since = net, -1.0, 0
        for _ in range(self.max_epochs):
            shuffled = rows[torch.randperm(len(rows), generator=generator).to(device)]
            for start in range(0, len(rows), step):
                batch = shuffled[start : start + step]
                features, u, v = (part[batch] for part in seen)
                logits = _forward(net, features, u, v, settings["dropout"], generator)
                losses = torch.nn.functional.cross_entropy(logits, truth[batch], reduction="none")
                optimizer.zero_grad()
                (losses * weight[batch]).mean().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                predicted = _forward(net, *(part[test] for part in seen)).argmax(1).cpu().numpy()
            counts = confusion(train.relations[test.cpu()], predicted, N_RELATIONS)
            reached, since = float(macro_f1(counts)), since + 1
            if reached > best_score:
                best = {name: tensor.detach().clone() for name, tensor in net.items()}
                best_score, since = reached, 0
            if since >= self.patience:
                break
        return best

    def _start(self, inputs: PairInputs, n_hidden: int, generator: torch.Generator) -> Tensors:
        """Return the weights before the first step; those with an underscore are not learnt."""
        import torch

        matrix = inputs.matrix.astype(np.float64)
        vectors = inputs.items.vectors.values[np.unique(inputs.pairs)].astype(np.float64)
        n_dims = vectors.shape[1]
        n_seen = matrix.shape[1] + 2 * self.n_projected

        def drawn(n_in: int, n_out: int) -> torch.Tensor:
            normal = torch.randn(n_in, n_out, generator=generator)
            return normal.mul((2 / max(n_in, 1)) ** 0.5)

        net = {
            "_mean": torch.tensor(matrix.mean(axis=0), dtype=torch.float32),
            "_spread": torch.tensor(matrix.std(axis=0) + _LEAST_SPREAD, dtype=torch.float32),
            # Of vectors of unit length projections start with values around one.
            "_length": torch.tensor(np.linalg.norm(vectors, axis=1).mean() + _LEAST_SPREAD),
            "projection": torch.randn(n_dims, self.n_projected, generator=generator),
            "hidden": drawn(n_seen, n_hidden),
            "hidden_bias": torch.zeros(n_hidden),
            "out": drawn(n_hidden, N_RELATIONS),
            "out_bias": torch.zeros(N_RELATIONS),
        }
        return {name: tensor.float().to(self._device) for name, tensor in net.items()}

    @property
    def _device(self) -> str:
        if self.device != "auto":
            return self.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def load(self, folder: Path) -> NetsModel:
        """Read fitted nets."""
        return NetsModel.load(folder, self._device)


def _seen(inputs: PairInputs, net: Tensors) -> tuple[Any, Any, Any]:
    """Return the standardised features of pairs, and the vectors of both items."""
    import torch

    vectors = inputs.items.vectors.values
    matrix, u, v = (
        torch.tensor(np.asarray(values), dtype=net["_mean"].dtype, device=net["_mean"].device)
        for values in (inputs.matrix, vectors[inputs.pairs[:, 0]], vectors[inputs.pairs[:, 1]])
    )
    return (matrix - net["_mean"]) / net["_spread"], u / net["_length"], v / net["_length"]


def _forward(
    net: Tensors,
    features: torch.Tensor,
    u: torch.Tensor,
    v: torch.Tensor,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return the logits of pairs, shape (n, 3)."""
    import torch

    def dropped(values: torch.Tensor) -> torch.Tensor:
        if not dropout:
            return values
        # Drawn on the CPU, so that a GPU trains on the same.
        kept = torch.rand(values.shape, generator=generator) >= dropout
        left: torch.Tensor = values * kept.to(values.device) / (1 - dropout)
        return left

    p, q = u @ net["projection"], v @ net["projection"]
    seen = torch.cat([features, (p - q).abs(), p * q], dim=1)
    hidden = (dropped(seen) @ net["hidden"] + net["hidden_bias"]).relu()
    logits: torch.Tensor = dropped(hidden) @ net["out"] + net["out_bias"]
    return logits
