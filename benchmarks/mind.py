"""Are the real MIND files within reach? A log of their size, with planted tastes, judged whole.

MIND small has 156,965 impressions to learn from and 73,152 to judge, 51,282 and 42,416 news, 37
news shown an impression and 33 earlier clicks a person. `--share 0.01` writes a hundredth of it.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from report import close  # sets one thread before numpy is read

from vibrator.encoder import InstructionalEncoder
from vibrator.evaluation.mind import evaluate_mind

TRAIN, DEV = (156_965, 0, 51_282), (73_152, 22_822, 65_238)  # impressions, and which news
PEOPLE, SHOWN, PAST = 50_000, 37, 33
HOURS, MEMORY = 1.0, 24.0
KINDS = {
    "sports": ["football", "tennis", "the marathon", "the cup final", "a transfer"],
    "food": ["noodles", "sourdough", "a roast", "street food", "a bakery"],
    "travel": ["a mountain hut", "night trains", "an island", "a coast walk", "old towns"],
    "finance": ["interest rates", "the markets", "a merger", "pensions", "house prices"],
    "health": ["sleep", "vaccines", "back pain", "allergies", "a clinic"],
    "autos": ["electric cars", "a recall", "a road test", "old engines", "charging"],
}
ENDINGS = ["explained", "in five charts", "what we know", "a reader's story", "the long view"]


def titles_of(kind, rng):
    """Words for every news."""
    kinds = list(KINDS)
    for place, at in enumerate(kind):
        subject = rng.choice(KINDS[kinds[at]]).capitalize()
        title = f"{subject}: {rng.choice(ENDINGS)} no {place}"
        yield f"N{place}\t{kinds[at]}\t{kinds[at]}\t{title}\t\t\t[]\t[]\n"


def write_part(folder, titles, kind, impressions, rng, first_day):
    """One part in the published layout, of the news with a title in it."""
    folder.mkdir()
    (folder / "news.tsv").write_text("".join(titles.values()))
    news = np.array(list(titles))
    of_kind = [news[kind[news] == at] for at in range(len(KINDS))]
    quality = np.random.default_rng(1).normal(size=len(kind))  # the same in both parts
    with (folder / "behaviors.tsv").open("w") as file:
        for number in range(impressions):
            file.write(line(number, rng, news, kind, of_kind, quality, first_day))


def line(number, rng, news, kind, of_kind, quality, first_day):  # noqa: PLR0913
    """One impression; a click is likelier for the kind a person cares for."""
    person = int(rng.integers(PEOPLE))
    taste = person % len(of_kind)
    past = rng.choice(of_kind[taste], min(int(rng.exponential(PAST)), 500))
    shown = rng.choice(news, size=2 + int(rng.exponential(SHOWN - 2)))
    drawn = 2.0 * (kind[shown] == taste) + quality[shown] + rng.gumbel(size=len(shown))
    clicked = int(np.argmax(drawn))
    when = f"11/{first_day + int(rng.integers(5))}/2019 {rng.integers(1, 13)}:14:46 PM"
    marks = " ".join(f"N{one}-{int(place == clicked)}" for place, one in enumerate(shown))
    history = " ".join(f"N{one}" for one in past)
    return f"{number}\tU{person}\t{when}\t{history}\t{marks}\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--share", type=float, default=1.0)
    share = arguments.parse_args().share
    rng = np.random.default_rng(0)
    kind = rng.integers(len(KINDS), size=DEV[2])
    titles = list(titles_of(kind, rng))
    with tempfile.TemporaryDirectory() as place:
        parts = (("MINDsmall_train", TRAIN, 9), ("MINDsmall_dev", DEV, 15))
        for name, (impressions, first, last), day in parts:
            mine = {n: titles[n] for n in range(first, last)}
            write_part(Path(place) / name, mine, kind, int(share * impressions), rng, day)
        start = time.perf_counter()
        found = evaluate_mind(place, InstructionalEncoder("embedded"))
        taken = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures = {"seconds": taken, "peak_gib": memory, "judged": found.judged}
    for row in found.rows:
        figures |= {f"{row['scorer']}_{k}": v for k, v in row.items() if k != "scorer"}
    bars = {"hours": [taken / 3600, "<=", HOURS], "memory_gib": [memory, "<=", MEMORY]}
    close(figures, bars)


if __name__ == "__main__":
    main()
