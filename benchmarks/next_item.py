"""The next item among all of a catalogue: our fit and its peers, the last one left out by time."""

import numpy as np

from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.next_item import NextItem

LAMBDAS = (30.0, 100.0, 300.0, 1000.0)
FACTORS, REGULARISATIONS, ALPHAS = (16, 32, 64), (0.1, 1.0, 10.0), (1.0, 10.0)
CUT = 5  # actions of a newcomer
FOLDS = 5  # of people; a newcomer's own are not in what their fold is scored with


def sequences(movies):
    """Each person's films and times, oldest first."""
    events = movies.events[movies.events.rating.notna()]
    return [(group.movie.to_numpy(), group.time.to_numpy()) for _, group in events.groupby("user")]


def quality(scores, targets, seen):
    """nDCG@10 and HR@10; ties count as half above, half below."""
    scores = np.where(seen, -np.inf, scores)
    own = scores[np.arange(len(targets)), targets][:, None]
    rank = (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2
    hit = rank < 10
    return float(np.mean(np.where(hit, 1 / np.log2(rank + 2), 0))), float(hit.mean())


def ease(matrix, lam):
    """Steck (2019): B = I − P/diag(P), P the inverse of XᵀX + λ."""
    gram = matrix.T @ matrix
    gram[np.diag_indices(len(gram))] += lam
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    weights[np.diag_indices(len(gram))] = 0
    return weights


def als(matrix, factors, regularisation, alpha):
    """Scores of the people in the matrix by the package's own fit."""
    from implicit.als import AlternatingLeastSquares
    from scipy import sparse

    model = AlternatingLeastSquares(
        factors, regularization=regularisation, alpha=alpha, random_state=0, num_threads=1
    )
    model.fit(sparse.csr_matrix(matrix), show_progress=False)
    return model


def matrix_of(people, size):
    out = np.zeros((len(people), size), dtype=np.float32)
    for row, items in enumerate(people):
        out[row, items] = 1
    return out


def ours(people, vectors):
    """A fit on these people's items and times; people without items are passed over."""
    size = len(vectors)
    names = [str(n) for n in range(size)]
    users = np.concatenate([np.full(len(i), p) for p, (i, _) in enumerate(people)])
    items = np.concatenate([i for i, _ in people])
    times = np.concatenate([t for _, t in people])
    history = ItemHistory(users.tolist(), [names[i] for i in items], times, np.ones(len(items)))
    known = np.array([int(name) for name in history.items])
    return NextItem.fit(history, vectors[known]), known


def our_scores(fitted, known, items, times, now, size):
    place = np.full(size, -1)
    place[known] = np.arange(len(known))
    at = place[items]
    out = np.full(size, -1e9)
    out[known] = fitted.scores(at[at >= 0], now, times=times[at >= 0], seen=True)
    return out


def whole_histories(people, vectors):
    """Rows of nDCG@10 and HR@10 by name: everybody's history but the last."""
    size = len(vectors)
    targets = np.array([items[-1] for items, _ in people])
    matrix = matrix_of([items[:-1] for items, _ in people], size)
    found = {"popularity": quality(np.tile(matrix.sum(0), (len(people), 1)), targets, matrix > 0)}
    for lam in LAMBDAS:
        found[f"ease {lam:g}"] = quality(matrix @ ease(matrix, lam), targets, matrix > 0)
    for f in FACTORS:
        for r in REGULARISATIONS:
            for a in ALPHAS:
                model = als(matrix, f, r, a)
                found[f"als {f} {r:g} {a:g}"] = quality(
                    model.user_factors @ model.item_factors.T, targets, matrix > 0
                )
    fitted, known = ours([(i[:-1], t[:-1]) for i, t in people], vectors)
    scores = [our_scores(fitted, known, i[:-1], t[:-1], t[-1], size) for i, t in people]
    found["ours"] = quality(np.array(scores), targets, matrix > 0)
    return found


def newcomers(people, vectors, *, following):
    """The same with the first five actions of people who are in nobody's fit.

    The target is the last item, as for whole histories, or the one that came next (`following`).
    """
    size = len(vectors)
    kept = [(i, t) for i, t in people if len(i) > CUT + 1]
    at = CUT if following else -1
    targets = np.array([items[at] for items, _ in kept])
    seen = matrix_of([items[:CUT] for items, _ in kept], size)
    matrix = matrix_of([items[:-1] for items, _ in kept], size)
    fold = np.random.default_rng(0).integers(FOLDS, size=len(kept))
    names = ["popularity", *(f"ease {lam:g}" for lam in LAMBDAS), "ours"]
    scores = {name: np.zeros((len(kept), size)) for name in names}
    for held in range(FOLDS):
        rest, mine = fold != held, np.flatnonzero(fold == held)
        scores["popularity"][mine] = matrix[rest].sum(0)
        for lam in LAMBDAS:
            scores[f"ease {lam:g}"][mine] = seen[mine] @ ease(matrix[rest], lam)
        learned = [(i[:-1], t[:-1]) for (i, t), r in zip(kept, rest, strict=True) if r]
        fitted, known = ours(learned, vectors)
        for row in mine:
            items, times = kept[row]
            scores["ours"][row] = our_scores(
                fitted, known, items[:CUT], times[:CUT], times[at], size
            )
    return {name: quality(score, targets, seen > 0) for name, score in scores.items()}


def best(found, kind):
    """The best nDCG@10 and the best HR@10 of a kind of peer, each at its own best setting."""
    rows = [value for name, value in found.items() if name.startswith(kind)]
    return max(row[0] for row in rows), max(row[1] for row in rows)
