"""MovieLens as the loop sees it: tags written, ratings as reactions, genres as sliders."""

import gzip
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"

GENRES = {
    "Action": "action films full of chases and fights",
    "Adventure": "adventure films about journeys to far places",
    "Animation": "animated films",
    "Children": "films for children",
    "Comedy": "funny comedies",
    "Crime": "crime films about gangsters and police",
    "Documentary": "documentaries about real events",
    "Drama": "serious dramas",
    "Fantasy": "fantasy films with magic",
    "Film-Noir": "dark noir films of the forties",
    "Horror": "scary horror films",
    "IMAX": "spectacles for the giant screen",
    "Musical": "musicals with songs and dancing",
    "Mystery": "mysteries and whodunits",
    "Romance": "romantic love stories",
    "Sci-Fi": "science fiction about space and the future",
    "Thriller": "suspenseful thrillers",
    "War": "war films about soldiers",
    "Western": "westerns with cowboys",
}
LIKED = 4.0  # stars from which a rating is a like
PLEASED = 3.0  # stars from which a rating is a reaction and not a dismissal
WARM = 5  # actions of a user before their first row
HOUR = 3600.0


@dataclass(frozen=True)
class Movies:
    """Events in order of user and time; `movie` points into titles and genres."""

    titles: list[str]
    has_genre: np.ndarray  # movies x sliders
    sliders: dict[str, str]
    events: pd.DataFrame  # user, time, movie, kind (write, react, dismiss), words, rating

    def words(self, *, with_genres: bool) -> list[str]:
        """What a catalogue would say of each movie."""
        if not with_genres:
            return self.titles
        names = np.array([name.lower() for name in self.sliders])
        return [
            f"{title}, {' '.join(names[row])}" if row.any() else title
            for title, row in zip(self.titles, self.has_genre, strict=True)
        ]


def load_100k(folder=DATA / "ml-100k"):
    with gzip.open(folder / "ratings.dat.gz", "rt", encoding="latin-1") as file:
        ratings = pd.DataFrame(
            [line.strip().split("::") for line in file], columns=["user", "movie", "rating", "time"]
        ).astype({"user": int, "movie": int, "rating": float, "time": float})
    lines = (folder / "movies.dat").read_text(encoding="latin-1").splitlines()
    movies = pd.DataFrame(
        [line.split("::") for line in lines], columns=["movie", "title", "genres"]
    )
    return _movies(movies.astype({"movie": int}), ratings, None)


def load_small(folder=DATA / "ml-latest-small"):
    movies = pd.read_csv(folder / "movies.csv").rename(columns={"movieId": "movie"})
    names = {"userId": "user", "movieId": "movie", "timestamp": "time"}
    ratings = pd.read_csv(folder / "ratings.filtered.csv.gz").rename(columns=names)
    tags = pd.read_csv(folder / "tags.csv").rename(columns=names)
    return _movies(movies, ratings, tags)


def _movies(movies, ratings, tags):
    listed = movies.genres.str.replace("Children's", "Children").str.split("|")
    known = [g for g in GENRES if listed.map(lambda genres, g=g: g in genres).any()]
    has = np.array([[g in genres for g in known] for genres in listed])
    place = pd.Series(np.arange(len(movies)), index=movies.movie)
    events = ratings.assign(
        kind=np.where(ratings.rating >= PLEASED, "react", "dismiss"), words=None
    )
    if tags is not None:
        written = tags[tags.tag.astype(str).str.strip() != ""]
        events = pd.concat([events, written.assign(kind="write", words=written.tag, rating=np.nan)])
    events = events[events.movie.isin(place.index)]
    events = events.assign(movie=place[events.movie].to_numpy())
    events = events.sort_values(["user", "time", "movie"], kind="stable").reset_index(drop=True)
    titles = [title.strip() for title in movies.title]
    return Movies(titles, has, {g: GENRES[g] for g in known}, events)


@dataclass(frozen=True)
class Rows:
    """One row a (rating, slider): features as of just before the rating, and whether it fitted."""

    features: np.ndarray  # ratings x sliders x (user, item, alignment, recency)
    evidence: np.ndarray  # ratings
    fitted: np.ndarray  # ratings x sliders
    user: np.ndarray
    time: np.ndarray
    movie: np.ndarray

    def sample(self, rng, count):
        """Some of the ratings, each with all its sliders."""
        chosen = np.sort(rng.choice(len(self.user), min(count, len(self.user)), replace=False))
        return self.pick(chosen)

    def pick(self, chosen):
        """The ratings chosen by place or mask."""
        return Rows(*(getattr(self, field.name)[chosen] for field in fields(self)))


def rows_of(movies, encoder, weights, *, with_genres, half_lives=(24.0, 24.0 * 14)):
    """Fold each user's log once; the reading before an event never contains it."""
    texts = movies.words(with_genres=with_genres)
    items = encoder.encode_items(texts)
    sliders = encoder.encode_sliders(movies.sliders.values())
    vectors, weight = _action_vectors(movies, encoder, weights, texts)
    events = movies.events
    time = events.time.to_numpy() / HOUR
    rated = events.rating.notna().to_numpy()
    starts = np.flatnonzero(np.r_[True, np.diff(events.user.to_numpy()) != 0])
    state, places, age, evidence, reading = None, [], [], [], []
    begins = set(starts.tolist())
    for i in range(len(events)):
        if i in begins:
            state, seen = np.zeros((2, sliders.shape[1] + 1)), 0
        else:
            state *= np.exp2(-(time[i] - time[i - 1]) / np.array(half_lives))[:, None]
            if seen >= WARM and rated[i]:
                mass = state[:, -1:]
                places.append(i)
                safe = np.where(mass > 0, mass, 1.0)
                reading.append((state[:, :-1] / safe).mean(axis=0))
                age.append(time[i] - time[i - 1])
                evidence.append(mass[1, 0])
        state[:, :-1] += weight[i] * vectors[i]
        state[:, -1] += abs(weight[i])
        seen += 1
    person = np.array(reading, dtype=np.float32)
    movie = events.movie.to_numpy()[places]
    features = np.empty((len(places), len(sliders), 4), dtype=np.float32)
    features[..., 0] = person @ sliders.T
    features[..., 1] = (items @ sliders.T)[movie]
    features[..., 2] = np.einsum("ij,ij->i", person, items[movie])[:, None]
    features[..., 3] = np.exp2(-np.array(age) / 12.0)[:, None]
    liked = events.rating.to_numpy()[places] >= LIKED
    return Rows(
        features,
        np.array(evidence),
        liked[:, None] & movies.has_genre[movie],
        events.user.to_numpy()[places],
        events.time.to_numpy()[places],
        movie,
    )


def _action_vectors(movies, encoder, weights, texts):
    from vibrator.actions import UserAction

    events = movies.events
    words = [
        w if isinstance(w, str) else texts[m]
        for w, m in zip(events.words, events.movie, strict=True)
    ]
    kinds = events.kind.tolist()
    unique = dict.fromkeys(zip(kinds, words, strict=True))
    place = {pair: i for i, pair in enumerate(unique)}
    actions = [UserAction(kind, text) for kind, text in unique]
    matrix = encoder.encode_actions(actions)
    index = [place[pair] for pair in zip(kinds, words, strict=True)]
    return matrix[index], np.array([weights[kind] for kind in kinds])
