"""Typical pairs of clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.numerics import one_thread
from karl.samplers.base import Sampler
from karl.samplers.pool import Pool
from karl.samplers.space import Space, drawn

__all__ = ["TypiClust"]

_N_NEIGHBOURS = 20
_MAX_ITER = 20


@dataclass(frozen=True)
class TypiClust(Sampler):
    """Chooses the most typical pair of each cluster that has no labelled one.

    Labelled and candidate pairs are clustered by k-means on standardised pair features,
    into as many clusters as there are labelled pairs and pairs to choose. Clusters with
    the fewest labelled pairs come first, of these the largest; from each the pair with
    the smallest mean distance to its 20 nearest neighbours in the cluster. Where there
    are more pairs to choose than clusters, it begins again.

    A round has as many pairs as its limit; without one, as the pool has fine categories.

    Parameters
    ----------
    n_clusters : int
        Clusters at most.
    from_at_most : int
        Candidates looked at, and labelled pairs clustered with them: more are drawn by a
        hash. It bounds memory and time.

    References
    ----------
    Hacohen, Dekel and Weinshall, "Active learning on a budget: opposite strategies suit
    high and low budgets", ICML 2022, §3.2; 20 neighbours and 500 clusters are theirs.
    """

    n_clusters: int = Field(default=500, ge=1)
    from_at_most: int = Field(default=5_000, ge=1)

    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Choose cluster by cluster; see `Sampler.query`."""
        if pool.n_wanted == 0:
            return np.empty(0, np.int64)
        space = Space(pool, self.from_at_most)
        points = space.points
        known = pool.train.items[drawn(pool.train.items, self.from_at_most, pool.seed)]
        labelled = np.concatenate([np.empty((0, points.shape[1])), *space.place(known)])
        clusters, n_labelled = self._clusters(points, labelled, pool)
        queues = _by_typicality(points, clusters)
        sizes = {cluster: len(queue) for cluster, queue in queues.items()}
        chosen: list[int] = []
        n = min(pool.n_wanted, len(points))
        order = sorted(queues, key=lambda k: (n_labelled[k], -sizes[k], k))
        while len(chosen) < n:
            left = [cluster for cluster in order if queues[cluster]][: n - len(chosen)]
            chosen.extend(queues[cluster].pop(0) for cluster in left)
        return space.positions[chosen]

    def _clusters(
        self, points: NDArray[np.float64], labelled: NDArray[np.float64], pool: Pool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cluster of each point, and how many labelled ones each cluster has."""
        from sklearn.cluster import KMeans

        everything = np.concatenate([points, labelled])
        n_different = len(np.unique(everything, axis=0))
        k = min(self.n_clusters, len(labelled) + pool.n_wanted, n_different)
        means = KMeans(k, n_init=1, max_iter=_MAX_ITER, random_state=pool.seed)
        with one_thread():
            found = means.fit_predict(everything).astype(np.int64)
        return found[: len(points)], np.bincount(found[len(points) :], minlength=k)


def _by_typicality(
    points: NDArray[np.float64], clusters: NDArray[np.int64]
) -> dict[int, list[int]]:
    """Return the points of each cluster, the most typical first."""
    queues = {}
    for cluster in np.unique(clusters).tolist():
        members = np.flatnonzero(clusters == cluster)
        own = points[members]
        squares = np.einsum("ij,ij->i", own, own)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * (own @ own.T), 0.0))
        # The nearest of a point is itself.
        nearest = np.sort(distances, axis=1)[:, 1 : _N_NEIGHBOURS + 1]
        spread = nearest.mean(axis=1) if nearest.shape[1] else np.zeros(len(own))
        queues[cluster] = members[np.argsort(np.round(spread, 6), kind="stable")].tolist()
    return queues
