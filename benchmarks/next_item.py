"""The next item among all of a catalogue: our fit and its peers, the last one left out by time."""

from itertools import product

import numpy as np

from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.next_item import NextItem

LAMBDAS = (30.0, 100.0, 300.0, 1000.0)
FACTORS, REGULARISATIONS, ALPHAS = (16, 32, 64), (0.1, 1.0, 10.0), (1.0, 10.0)
NEWCOMER_ALS = ((16, 1.0, 1.0), (16, 1.0, 10.0), (64, 1.0, 1.0), (64, 10.0, 10.0))
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


def ease(matrix, asked, lam):
    """Scores by Steck (2019): x B with B = I − P/diag(P), P the inverse of XᵀX + λ.

    People are fewer than items here, so that the inverse is taken of XXᵀ + λ (Woodbury).
    """
    rows = matrix.astype(np.float64)
    solved = np.linalg.solve(rows @ rows.T + lam * np.eye(len(rows)), rows)
    diagonal = (1.0 - (rows * solved).sum(axis=0)) / lam
    product = (asked - (asked @ rows.T) @ solved) / lam
    return asked - product / diagonal


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


def cosine(vectors, people):
    """The mean of what a person touched, against every item."""
    return np.array([vectors @ vectors[items].mean(axis=0) for items in people])


def zero_shot(vectors, people, now):
    """What the scorer that learned nothing says: alignment with the profile as of then."""
    from vibrator.profile import FAST, SLOW

    rows = []
    for (items, times), moment in zip(people, now, strict=True):
        ages = moment - times
        ages -= ages.min()
        fades = [np.exp2(-ages / half_life.total_seconds()) for half_life in (FAST, SLOW)]
        rows.append(sum(fade @ vectors[items] / fade.sum() for fade in fades) / 2)
    return np.array(rows) @ vectors.T


def plain(vectors, people, now, counts):
    """Scores of the peers that need no fit."""
    return {
        "random": np.random.default_rng(0).random((len(people), len(vectors))),
        "popularity": np.tile(counts, (len(people), 1)),
        "cosine": cosine(vectors, [items for items, _ in people]),
        "zero-shot": zero_shot(vectors, people, now),
    }


def whole_histories(people, vectors):
    """Rows of nDCG@10 and HR@10 by name: everybody's history but the last."""
    size = len(vectors)
    targets = np.array([items[-1] for items, _ in people])
    known = [(items[:-1], times[:-1]) for items, times in people]
    matrix = matrix_of([items for items, _ in known], size)
    scores = plain(vectors, known, [times[-1] for _, times in people], matrix.sum(0))
    for lam in LAMBDAS:
        scores[f"ease {lam:g}"] = ease(matrix, matrix, lam)
    for setting in product(FACTORS, REGULARISATIONS, ALPHAS):
        model = als(matrix, *setting)
        scores[f"als {setting}"] = model.user_factors @ model.item_factors.T
    fitted, places = ours(known, vectors)
    scores["ours"] = np.array(
        [our_scores(fitted, places, i[:-1], t[:-1], t[-1], size) for i, t in people]
    )
    return {name: quality(score, targets, matrix > 0) for name, score in scores.items()}


def newcomers(people, vectors, *, following):
    """The same with the first five actions of people who are in nobody's fit.

    The target is the last item, as for whole histories, or the one that came next (`following`).
    """
    size, at = len(vectors), CUT if following else -1
    kept = [(items, times) for items, times in people if len(items) > CUT + 1]
    targets = np.array([items[at] for items, _ in kept])
    asked = [(items[:CUT], times[:CUT]) for items, times in kept]
    seen = matrix_of([items for items, _ in asked], size)
    matrix = matrix_of([items[:-1] for items, _ in kept], size)
    fold = np.random.default_rng(0).integers(FOLDS, size=len(kept))
    scores = {}
    for held in range(FOLDS):
        rest, mine = fold != held, np.flatnonzero(fold == held)
        found = plain(
            vectors, [asked[m] for m in mine], [kept[m][1][at] for m in mine], matrix[rest].sum(0)
        )
        for lam in LAMBDAS:
            found[f"ease {lam:g}"] = ease(matrix[rest], seen[mine], lam)
        for setting in NEWCOMER_ALS:
            found[f"als {setting}"] = folded_in(als(matrix[rest], *setting), seen[mine])
        learned = [(i[:-1], t[:-1]) for (i, t), r in zip(kept, rest, strict=True) if r]
        fitted, known = ours(learned, vectors)
        found["ours"] = np.array(
            [our_scores(fitted, known, *asked[m], kept[m][1][at], size) for m in mine]
        )
        for name, rows in found.items():
            scores.setdefault(name, np.zeros((len(kept), size)))[mine] = rows
    return {name: quality(score, targets, seen > 0) for name, score in scores.items()}


def folded_in(model, matrix):
    """Scores of people whom an ALS fit has not seen."""
    from scipy import sparse

    rows = sparse.csr_matrix(matrix)
    return model.recalculate_user(np.arange(len(matrix)), rows) @ model.item_factors.T


def best(found, kind):
    """The best nDCG@10 and the best HR@10 of a kind of peer, each at its own best setting."""
    rows = [value for name, value in found.items() if name.startswith(kind)]
    return max(row[0] for row in rows), max(row[1] for row in rows)
