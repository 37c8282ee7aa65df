# ruff: noqa: E501
"""Sentences of our own making to distil the embedded encoder on: families of near relatives.

A family is one picture, event, title, taste, opinion or question told in several ways, and its
neighbours: told of someone else, denied, praised instead of blamed. Nothing is taken from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 20


def listed(text: str) -> list[str]:
    """A list from a line, items parted by commas."""
    return [item.strip() for item in text.split(",")]


PERSONS = listed(
    "man, woman, boy, girl, child, person, guy, lady, young man, young woman, little boy, little girl,"
    " old man, elderly woman, couple, teenager, baby, toddler, father, mother, chef, cook, musician,"
    " dancer, singer, cyclist, skier, surfer, skateboarder, climber, runner, football player,"
    " basketball player, soldier, police officer, firefighter, worker, farmer, teacher, student,"
    " doctor, nurse, tourist, fisherman, artist, painter, photographer, mechanic, waiter, businessman"
)
GROUPS = listed(
    "two men, two women, two boys, two girls, three people, a group of people, a group of children,"
    " several kids, a crowd, two children, four friends, some students, many people, a family, the team"
)
ANIMALS = listed(
    "dog, cat, puppy, kitten, horse, cow, sheep, goat, pig, elephant, monkey, panda, bear, tiger, lion,"
    " rabbit, squirrel, parrot, duck, bird, eagle, fish, turtle, snake, frog, deer, fox, otter, hamster,"
    " black dog, brown dog, white dog, small dog, gray cat, white horse, brown horse, black bird"
)
DEEDS = (
    ("playing", "the guitar, the piano, the violin, the flute, the drums, the trumpet, chess, cards,"
     " football, soccer, basketball, tennis, baseball, golf, a video game, with a toy, with a ball"),
    ("riding", "a horse, a bicycle, a bike, a motorcycle, a skateboard, an elephant, a bus, a train,"
     " a scooter, a roller coaster, a wave, a mountain bike"),
    ("slicing", "an onion, a potato, a tomato, a carrot, a cucumber, some bread, cheese, an apple, a lemon"),
    ("cutting", "paper, a cake, vegetables, wood, the grass, cloth, a pizza, his hair, a rope, leather"),
    ("chopping", "onions, herbs, firewood, carrots, nuts, an apple, cabbage"),
    ("peeling", "a banana, a potato, an orange, a mandarin, an apple, an egg"),
    ("cooking", "dinner, rice, pasta, eggs, soup, a steak, breakfast, fish"),
    ("frying", "an egg, fish, potatoes, chicken, onions, bacon"),
    ("eating", "an apple, a sandwich, pizza, ice cream, a banana, soup, grass, dinner, noodles, a cookie"),
    ("drinking", "water, coffee, tea, beer, milk, wine, juice"),
    ("pouring", "water into a glass, oil into a pan, milk into a bowl, wine, sauce on the rice, coffee"),
    ("mixing", "ingredients in a bowl, dough, paint, eggs and flour, vegetables, a drink, concrete"),
    ("reading", "a book, a newspaper, a letter, a magazine, the menu, a map, an email, a story aloud"),
    ("writing", "a letter, on a board, a song, in a notebook, code, a poem, a report"),
    ("drawing", "a picture, a face, a line, a map, a cartoon, with a pencil"),
    ("painting", "a wall, a portrait, a fence, the house, her nails, a landscape"),
    ("driving", "a car, a truck, a bus, a tractor, on the highway, through the desert"),
    ("fixing", "a car, a computer, a bicycle, a roof, the sink, a broken lamp, an engine"),
    ("building", "a house, a sandcastle, a snowman, a wall, a fire, a boat, a website, a robot"),
    ("carrying", "a bag, a box, a child, firewood, groceries, a ladder, a surfboard, a backpack"),
    ("holding", "a baby, a sign, an umbrella, a camera, a flag, a cup, hands, a microphone, a knife"),
    ("throwing", "a ball, a stone, a frisbee, a stick, a dart, a snowball, a punch"),
    ("kicking", "a ball, a door, a bag, his opponent, sand"),
    ("catching", "a ball, a fish, a fly, a thief, a train"),
    ("climbing", "a tree, a rope, a wall, a mountain, the stairs, a ladder, a rock face"),
    ("jumping", "over a fence, into the water, on a trampoline, off a cliff, rope, over puddles"),
    ("running", "on a track, across the street, through the woods, along the beach, after a dog, away"),
    ("walking", "down the street, along the shore, the dog, through the snow, in the rain, upstairs"),
    ("sitting", "on a bench, on a couch, at a table, in a chair, under a tree, on the floor, in a car"),
    ("standing", "on a stage, in line, near a window, in front of a building, on one leg, in the water"),
    ("sleeping", "on a couch, in a bed, on the ground, in a tent, under a blanket, on a train"),
    ("lying", "on the grass, in bed, on the beach, on the couch, in the sun, on its back"),
    ("looking", "at a painting, out of the window, at the camera, through a telescope, at the sky"),
    ("watching", "television, a movie, a football game, the birds, the sunset, a parade"),
    ("talking", "on the phone, to a friend, to a reporter, about politics, to the camera, on the radio"),
    ("typing", "on a keyboard, a message, on a laptop, an essay"),
    ("taking", "a picture, a shower, a nap, notes, a bath, a test, the bus, pills"),
    ("putting", "on a hat, a kettle on the stove, books on a shelf, a letter in a box, on boots"),
    ("washing", "dishes, a car, his hands, her hair, clothes, the dog, vegetables"),
    ("brushing", "her teeth, a horse, his hair, the floor"),
    ("feeding", "a baby, the ducks, a horse, a cat, the fish, the chickens, a parrot, a calf"),
    ("opening", "a door, a box, a package, a bottle, a window, a present, a can"),
    ("closing", "a door, the window, a suitcase, the shop, a book"),
    ("folding", "paper, laundry, a towel, a napkin, a letter"),
    ("shooting", "a gun, an arrow, a basketball, a film, at a target"),
    ("dancing", "on a stage, in the rain, at a wedding, with a partner, in the street, ballet"),
    ("singing", "a song, on a stage, in a choir, karaoke, along with the radio, and playing guitar"),
    ("swimming", "in a pool, in the ocean, under water, across the lake, laps"),
    ("lifting", "weights, a box, a car, a barbell, a child into the air"),
    ("pushing", "a cart, a stroller, a car, a button, a wheelbarrow"),
    ("pulling", "a rope, a sled, a suitcase, a wagon, weeds"),
    ("buying", "groceries, flowers, a ticket, new shoes, a house, vegetables at a market"),
    ("selling", "fruit, newspapers, a car, tickets, jewelry, ice cream"),
    ("planting", "a tree, flowers, vegetables, seeds, rice"),
    ("fishing", "from a boat, on a pier, in a river, through the ice"),
    ("teaching", "a class, children to read, a dog a trick, mathematics, yoga"),
    ("repairing", "a watch, a bridge, the road, a bicycle tire, shoes"),
    ("sewing", "a dress, a button on a shirt, by hand, a quilt"),
    ("wrapping", "a gift, a sandwich, a bandage around an arm, a present"),
)  # fmt: skip
BEASTLY = (
    ("running", "through the grass, on the beach, in the snow, after a ball, across a field, in a race"),
    ("jumping", "over a hurdle, into a pool, into the air, onto a table, out of a box, for a treat"),
    ("sleeping", "on a couch, in a basket, on a branch, in the sun, next to a baby, on a pillow"),
    ("eating", "grass, from a bowl, a carrot, hay, leaves, a piece of meat, seeds, out of a hand"),
    ("playing", "with a ball, with a toy, in the water, with another animal, in the mud, with a cat"),
    ("chewing", "on a stick, on a bone, a shoe, leaves"),
    ("standing", "in a field, by a fence, on its hind legs, on a rock, in the water, near a tree"),
    ("swimming", "in a pond, in the sea, across a river, under water, in a tank"),
    ("looking", "at the camera, out of a window, for food, at itself in a mirror, up at a bird"),
    ("licking", "its paw, a spoon, the window, an ice cream cone, milk from a plate"),
    ("climbing", "a tree, up a curtain, on a rope, a fence"),
    ("drinking", "water from a bowl, milk, from a river"),
    ("chasing", "a cat, a ball, its tail, a mouse, a squirrel, another dog"),
    ("carrying", "a stick in its mouth, a ball, its baby, a fish"),
    ("flying", "over the lake, in the sky, above the trees, in a cage"),
)  # fmt: skip
PLACES = listed(
    "on the beach, in the park, in a field, on a street, in the snow, in the kitchen, on a stage,"
    " near a lake, in the garden, in a gym, at night, outside, in the city, at a party, by the river,"
    " in front of a crowd, on a sunny day, in the rain, at home, in a classroom, in the mountains,"
    " in an office, at a restaurant, in the forest, on a boat, at the airport, in a small room"
)
COLOURS = listed(
    "red, blue, green, white, black, yellow, orange, purple, brown, pink, gray, dark, bright"
)
CLOTHES = listed(
    "shirt, dress, hat, jacket, coat, helmet, uniform, suit, sweater, scarf, swimsuit, cap"
)
THINGS = listed(
    "car, bus, train, plane, boat, motorcycle, truck, bicycle, house, building, bridge, tower, church,"
    " street, fence, table, chair, couch, bed, lamp, vase, bottle, cup, bowl, plate of food, laptop,"
    " television, clock, sign, tree, flower, mountain, river, lake, beach, statue, fountain, garden, kitchen,"
    " living room, bathroom, train station, airport, ship, double decker bus, steam engine, bookshelf"
)
SITES = listed(
    "next to, in front of, behind, near, under, on top of, inside, beside, across from, far from"
)

COUNTRIES = listed(
    "China, Russia, India, Iran, Syria, Egypt, France, Germany, Britain, Japan, Israel, Ukraine, Turkey,"
    " Pakistan, Afghanistan, Iraq, South Korea, North Korea, Brazil, Mexico, Spain, Italy, Greece, Canada,"
    " Australia, Nigeria, Kenya, South Africa, Libya, Thailand, Indonesia, Philippines, Vietnam, Poland,"
    " Sweden, Argentina, Venezuela, Cuba, Saudi Arabia, Yemen, Lebanon, Bangladesh, the US, the UK, the EU"
)
CITIES = listed(
    "London, Paris, Moscow, Beijing, Cairo, Baghdad, Kabul, Damascus, Mumbai, Delhi, Karachi, Tokyo, Berlin,"
    " New York, Boston, Chicago, Los Angeles, Texas, California, Florida, Sydney, Rome, Madrid, Istanbul,"
    " Nairobi, Lagos, Kiev, Seoul, Bangkok, Jakarta, Manila, Toronto, Gaza, Tripoli, Athens, Brussels"
)
ROLES = listed(
    "president, prime minister, foreign minister, opposition leader, finance minister, army chief, king,"
    " pope, mayor, governor, senator, ambassador, defense secretary, central bank governor, spokesman"
)
HAPPENINGS = listed(
    "bombing, car bomb, earthquake, flood, fire, plane crash, bus crash, train crash, shooting, explosion,"
    " attack, clashes, storm, landslide, suicide attack, air strike, drone strike, stampede, ferry accident,"
    " tornado, protest, riot, gas leak, avalanche, building collapse, mine accident, cyclone, raid"
)
AFFAIRS = listed(
    "peace talks, nuclear program, sanctions, elections, trade deal, ceasefire, budget, refugees, oil prices,"
    " chemical weapons, border dispute, climate deal, bailout, military aid, human rights, spy scandal,"
    " missile test, corruption inquiry, tax plan, gun control, immigration reform, hostage crisis, health care"
)
COMPANIES = listed(
    "Apple, Google, Microsoft, Amazon, Facebook, Samsung, Sony, Nokia, Toyota, Boeing, Airbus, Ford, IBM, Intel,"
    " Oracle, Walmart, Tesla, Netflix, Twitter, Yahoo, Volkswagen, the bank, the airline, the drug maker"
)
GOODS = listed(
    "phone, tablet, search engine, browser, operating system, electric car, game console, smart watch, chip,"
    " software update, streaming service, cloud service, laptop, camera, drug, vaccine, jet, app, robot"
)
DAYS = listed(
    "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, last week, today, this month"
)
SPORTS = listed(
    "football, tennis, cricket, rugby, basketball, baseball, golf, boxing, cycling, hockey, swimming, chess"
)

TOPICS = listed(
    "grpc, kubernetes, python, rust, javascript, sql, docker, machine learning, deep learning, web design,"
    " databases, api design, testing, debugging, cloud security, data science, statistics, linear algebra,"
    " calculus, typescript, react, css, linux, git, command line tools, microservices, caching, networking,"
    " cryptography, privacy, compilers, functional programming, distributed systems, observability, rest apis,"
    " graphql, continuous integration, game development, robotics, electronics, 3d printing, photography,"
    " painting, watercolor, calligraphy, knitting, sewing, woodworking, gardening, houseplants, composting,"
    " baking bread, vegan cooking, italian food, coffee, wine tasting, grilling, meal planning, nutrition,"
    " weight loss, yoga, meditation, running, marathon training, strength training, swimming, cycling, hiking,"
    " climbing, camping, skiing, surfing, football, basketball, tennis, chess, board games, video games,"
    " personal finance, investing, the stock market, taxes, retirement planning, real estate, startups, marketing,"
    " leadership, negotiation, public speaking, job interviews, remote work, time management, productivity,"
    " parenting, pregnancy, dating, marriage, grief, anxiety, sleep, mental health, skin care, fashion, makeup,"
    " home decor, cleaning, car repair, motorcycles, electric cars, solar panels, climate change, recycling,"
    " astronomy, space travel, physics, chemistry, biology, genetics, dinosaurs, geology, oceans, birds, dogs, cats,"
    " horses, bees, world history, ancient rome, world war two, philosophy, ethics, religion, politics, economics,"
    " law, architecture, poetry, fantasy novels, science fiction, romance novels, crime fiction, biographies,"
    " horror movies, comedy films, documentaries, anime, jazz, classical music, hip hop, guitar, piano, singing,"
    " dancing, theater, museums, travel on a budget, japan, paris, road trips, beaches, learning spanish, grammar,"
    " writing novels, journalism, podcasts, social media, video editing, typography, origami, magic tricks, fishing"
)
FORMATS = (
    "a beginner's guide to {}; introduction to {}; {} for beginners; getting started with {}; learn {} from scratch"
    "|advanced {}; {} for experts; a deep dive into {}; in-depth {}; the internals of {}; mastering {}"
    "|{} in five minutes; a short overview of {}; quick tips on {}; {} cheat sheet; {} at a glance"
    "|step by step {} tutorial; how to do {}; a practical guide to {}; hands-on {}; detailed guide to {}"
    "|the history of {}; where {} comes from; how {} began; the origins of {}"
    "|why I love {}; the joy of {}; {} changed my life; in praise of {}; {} is great"
    "|why I hate {}; the trouble with {}; what is wrong with {}; {} is overrated; against {}"
    "|the best books about {}; what to read on {}; a reading list for {}; recommended books on {}"
    "|common mistakes in {}; what people get wrong about {}; {} pitfalls to avoid; errors beginners make in {}"
    "|{} news this week; latest trends in {}; what is new in {}; {} update; recent developments in {}"
    "|cheap {}; {} on a small budget; saving money on {}; free {} resources; affordable {}"
    "|luxury {}; high-end {}; premium {}; {} for people with money to spend"
    "|funny stories about {}; {} jokes; laughing about {}; a humorous look at {}"
    "|research on {}; a scientific study of {}; what the evidence says about {}; academic papers on {}"
    "|{} for kids; teaching children {}; {} explained to a five year old; fun {} for the whole family"
    "|questions about {}; I need help with {}; can someone explain {}; asking for advice on {}"
)
KINDS = listed(
    "documentation, tutorials, articles, examples, videos, books, stories, answers, explanations, reviews, guides,"
    " recipes, courses, podcasts, pictures, summaries, discussions, news, products, tools, games, movies, music,"
    " clothes, restaurants, trips, advice, opinions, instructions, lists, notes, reports, gifts"
)
QUALITIES = (
    "detailed; thorough; in-depth; comprehensive; exhaustive|short; brief; concise; quick; to the point"
    "|technical; specialist; expert-level; advanced|simple; easy; beginner-friendly; basic; accessible"
    "|practical; hands-on; applied; actionable|theoretical; abstract; conceptual; academic"
    "|funny; humorous; witty; amusing|serious; formal; sober; professional|casual; informal; relaxed; friendly"
    "|cheap; affordable; inexpensive; low-cost; budget|expensive; premium; luxurious; high-end"
    "|new; recent; up-to-date; modern; the latest|old; classic; traditional; vintage; historical"
    "|exciting; thrilling; fast-paced; intense|calm; relaxing; quiet; soothing; peaceful"
    "|visual; colorful; illustrated; beautiful|plain; minimal; text-only; simple looking"
    "|reliable; durable; robust; long-lasting; sturdy|fragile; flimsy; unreliable; badly made"
    "|healthy; nutritious; wholesome; organic|sweet; indulgent; rich; sugary"
    "|personal; emotional; heartfelt; touching|objective; factual; neutral; data-driven"
    "|popular; trending; mainstream; well-known|obscure; niche; little-known; rare"
    "|creative; original; innovative; imaginative|safe; proven; conventional; familiar"
    "|eco-friendly; sustainable; green|portable; lightweight; compact; small|large; heavy; spacious; big"
    "|dark; scary; disturbing; violent|uplifting; cheerful; hopeful; positive|romantic; tender; loving"
)
MANNERS = "{q} {k}; {k} that are {q}; prefers {q} {k}; likes {q} {k}; wants {q} {k}; I am looking for {q} {k}"
PRODUCTS = listed(
    "phone, camera, laptop, headphones, speaker, blender, coffee maker, vacuum cleaner, backpack, jacket, shoes,"
    " boots, watch, tent, bicycle, mattress, pillow, desk, chair, lamp, knife, pan, toaster, game, book, movie, album,"
    " toy, stroller, printer, monitor, keyboard, mouse, router, charger, dvd player, mp3 player, shampoo, perfume,"
    " razor, dress, jeans, sunglasses, bag, umbrella, drill, grill, hotel room, restaurant, course, app, software"
)
PARTS = listed(
    "battery, battery life, screen, sound, sound quality, price, build quality, design, size, weight, software,"
    " interface, manual, customer service, delivery, packaging, material, colour, smell, taste, comfort, fit, speed,"
    " performance, picture quality, lens, zoom, menu, remote, strap, zipper, handle, lid, plot, acting, ending, staff"
)
PRAISE = listed(
    "great, excellent, amazing, very good, fantastic, better than expected, outstanding, superb, perfect, impressive"
)
BLAME = listed(
    "terrible, awful, very bad, poor, disappointing, worse than expected, horrible, useless, mediocre, a joke"
)
OPINIONS = (
    "the {part} is {j}; {j} {part}; the {part} of this {product} is {j}; I found the {part} {j};"
    " I think the {part} is {j}; my {product} has a {part} that is {j}"
)
LIKES = (
    "I love this {product}; this is the best {product} I ever bought; I would buy this {product} again;"
    " highly recommended {product}; I am very happy with my {product}; five stars for this {product}"
    "|I hate this {product}; this is the worst {product} I ever bought; do not buy this {product};"
    " I returned the {product}; I regret buying this {product}; a waste of money, avoid this {product}"
    "|the {product} stopped working after a week; my {product} broke within days; it died after a short time"
    "|the {product} arrived on time; shipping of the {product} was fast; quick delivery, well packed"
    "|is this {product} worth the money?; should I buy this {product}?; does anyone own this {product}?"
    "|a gift for my wife: {product}; I bought the {product} for my son; a {product} as a present for a friend"
)
ASKING = (
    "how do I {v} {o}?; what is the best way to {v} {o}?; how can I {v} {o}?; what's the easiest way to {v} {o}?;"
    " how should one {v} {o}?; tips to {v} {o}"
    "|you should {v} {o}; I would {v} {o}; it is a good idea to {v} {o}; try to {v} {o}; you can {v} {o}"
    "|you should not {v} {o}; do not {v} {o}; I would never {v} {o}; it is a bad idea to {v} {o}"
    "|is it safe to {v} {o}?; can I {v} {o}?; is it okay to {v} {o}?; should I {v} {o}?"
    "|why would anyone {v} {o}?; what are the reasons to {v} {o}?; why do people {v} {o}?"
    "|it depends on how you {v} {o}; there is more than one way to {v} {o}; it is hard to {v} {o}"
)
TASKS = (
    "clean: a leather bag; a cast iron pan; an oven; a keyboard; white shoes|cook: brown rice; a turkey; lentils"
    "|remove: a wine stain; a virus from my computer; old paint; mold|train: a puppy; for a marathon; a neural network"
    "|learn: a new language; to play the piano; to swim as an adult; programming|fix: a leaking tap; a flat tire; a bug"
    "|choose: a good laptop; a university; a mattress; a name for a cat|save: money; electricity; a deleted file"
    "|grow: tomatoes indoors; basil; a small business|write: a cover letter; a novel; unit tests; a resume"
    "|store: fresh herbs; wine; passwords; potatoes|cut: my own hair; costs; glass; an onion without crying"
    "|invest: in index funds; my savings; in gold|freeze: bread; cooked pasta; a bank account"
    "|sharpen: a kitchen knife; a pencil; a chisel|paint: a ceiling; a wooden table; with oil colors"
    "|replace: a phone battery; eggs in a cake; a light switch|convert: miles to kilometers; a pdf to text; units"
    "|install: a dishwasher; an operating system; a driver; new software|cancel: a subscription; a flight; a meeting"
    "|make: sourdough bread; friends in a new city; a paper plane; soup|lose: weight; an accent; a habit"
    "|treat: a sunburn; a cold; an ankle injury; back pain|sell: a used car; art online; old books; a house"
    "|pack: for a long trip; fragile dishes; a lunch|wash: wool; a down jacket; strawberries; a car"
    "|read: faster; sheet music; a contract; more books|travel: with a baby; alone; without flying; with a dog"
)
WORDINGS = listed(
    "User wrote:, User clicked on:, User reacted to:, User viewed:, User opened:, User shared:, User said:"
)


class Author:
    """Writes the families, with one stream of dice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, items: Sequence[str]) -> str:
        """Any of the items."""
        return items[int(self.rng.integers(len(items)))]

    def some(self, items: Sequence[str], n: int) -> list[str]:
        """Up to n of the items, no one twice."""
        return [items[i] for i in self.rng.permutation(len(items))[:n]]

    def number(self) -> str:
        """A count, most often small."""
        return str(int(np.ceil(self.rng.lognormal(2.3, 1.2))))

    def scene(self) -> list[str]:
        """One picture told several ways, then told of someone or something else."""
        deeds, cast = (DEEDS, PERSONS) if self.rng.random() < 0.75 else (BEASTLY, ANIMALS)
        who, other = self.some(cast, 2)
        (verb, objects), (verb2, objects2) = (
            deeds[i] for i in self.rng.permutation(len(deeds))[:2]
        )
        what, instead = self.some(listed(objects), 2)
        place, elsewhere = self.some(PLACES, 2)
        colour, wear = self.one(COLOURS), self.one(CLOTHES)
        someone = "someone" if deeds is DEEDS else "an animal"
        lines = [
            f"{place} {a(who)} is {verb} {what}.",
            f"{a(who)} {verb} {what} {place}.",
            f"here you can see how the {who} is {verb} {what}",
            f"a photo of {someone} {verb} {what} {place}",
            f"{a(other)} is {verb} {what} {place}.",
            f"{place} {a(who)} is {verb} {instead}.",
            f"{a(who)} is {verb2} {self.one(listed(objects2))} {place}.",
            f"{a(other)} {verb2} {self.one(listed(objects2))} {elsewhere}",
            f"{self.one(GROUPS)} {verb} {what} {place}.",
            f"{a(who)} in a {colour} {wear} is {verb} {what}.",
            f"{a(who)} wearing a {colour} {wear} {place}",
            f"there is no {who} {verb} {what} here",
            f"{place} {a(who)} is not {verb} {what}.",
            f"{a(who)} and {a(other)} are {verb} {what} {place}.",
        ]
        return self.some(lines, 6)

    def still(self) -> list[str]:
        """Things in a picture, without a deed."""
        thing, other = self.some(THINGS, 2)
        colour, colour2 = self.some(COLOURS, 2)
        site, place = self.one(SITES), self.one(PLACES)
        lines = [
            f"a {colour} {thing} {site} a {other}.",
            f"a {colour} {thing} {place}.",
            f"a {colour2} {thing} {site} a {colour} {other}",
            f"there is a {thing} {site} the {other}.",
            f"the {other} is {site} a {thing}.",
            f"a close-up of a {colour} {thing}.",
            f"a {thing} parked {site} a {other} {place}",
            f"{a(self.one(ANIMALS))} {site} a {colour} {thing}.",
            f"{a(self.one(PERSONS))} {site} a {thing} {place}.",
        ]
        return self.some(lines, 4)

    def headline(self) -> list[str]:
        """One event as several papers would head it, and its neighbours."""
        land, land2, land3 = self.some(COUNTRIES, 3)
        city, city2 = self.some(CITIES, 2)
        role, happening, happening2 = self.one(ROLES), *self.some(HAPPENINGS, 2)
        affair, affair2 = self.some(AFFAIRS, 2)
        firm, firm2 = self.some(COMPANIES, 2)
        good, day, sport = self.one(GOODS), self.one(DAYS), self.one(SPORTS)
        n, m, p = self.number(), self.number(), self.number()
        stories = (
            [f"{n} killed in {city} {happening}", f"{city} {happening} leaves {n} dead",
             f"At least {n} people dead after {happening} in {city}", f"{happening} kills {m} in {city}",
             f"{n} killed, {m} wounded in {happening} in {city2}", f"{m} injured in {city} {happening2}",
             f"death toll from {land} {happening} rises to {n}", f"rescuers search for survivors of {happening}"],
            [f"{land} {role} visits {land2}", f"{role} of {land} arrives in {land2} for talks",
             f"{land}, {land2} to hold talks on {affair}", f"{land} and {land2} discuss {affair}",
             f"{land} rejects talks with {land2}", f"{land2} {role} meets {land3} leaders over {affair2}"],
            [f"{land} {role} warns {land2} over {affair}", f"{land} threatens {land2} over {affair}",
             f"{land} {role} calls for end to {affair}", f"{land} says {affair} will continue",
             f"{land} denies claims about {affair}", f"UN urges {land} to act on {affair2}"],
            [f"{land} {role} resigns over {affair}", f"{land} {role} steps down", f"{land} {role} quits",
             f"{land} names new {role}", f"{land} {role} refuses to resign", f"{role} of {land3} dies aged {n}"],
            [f"{firm} unveils new {good}", f"{firm} launches {good}", f"new {good} announced by {firm}",
             f"{firm} recalls {good}", f"{firm2} sues {firm} over {good}", f"{firm} to buy {firm2}"],
            [f"shares of {firm} rose {n} percent on {day}.", f"{firm} stock fell {n} percent {day}.",
             f"{firm} shares closed up {p} cents at ${m}.", f"{firm} reported a profit of ${n} million.",
             f"{firm} posted a quarterly loss of ${p} million.", f"{firm} cuts {m}00 jobs"],
            [f"{land} beat {land2} in {sport} final", f"{land2} lose to {land} in {sport}",
             f"{land} win {sport} title", f"{sport}: {land} defeat {land3}", f"{land} out of {sport} world cup",
             f"{land2} {sport} coach sacked"],
            [f"police arrest {n} in {city} {happening}", f"{n} held after {city} {happening}",
             f"suspect in {city} {happening} charged", f"court jails man for {city} {happening}",
             f"man found guilty over {happening}", f"police seek witnesses to {happening} in {city2}"],
            [f"the {role} said on {day} that {affair} would be discussed.", f"the {role} told reporters on {day}",
             f'"we will not accept {affair}," the {role} said.', f"a {role} in {city} declined to comment.",
             f"officials in {city} said {n} people were hurt.", f"the {happening} happened {day} near {city}."],
        )  # fmt: skip
        story = stories[int(self.rng.integers(len(stories)))]
        return self.some(story, 5)

    def title(self) -> list[str]:
        """Two topics in two formats each, one of them as an action."""
        formats = [f.split("; ") for f in FORMATS.split("|")]
        first, second = (formats[i] for i in self.rng.permutation(len(formats))[:2])
        topic, other = self.some(TOPICS, 2)
        same, again = self.some(first, 2)
        return [
            same.format(topic),
            again.format(topic),
            f"{self.one(WORDINGS)} {same.format(topic)}",
            self.one(second).format(topic),
            same.format(other),
            f"{topic} and {other}",
        ]

    def taste(self) -> list[str]:
        """What a slider says, nearly the same, and its opposite."""
        ladders = [q.split("; ") for q in QUALITIES.split("|")]
        mine, yours = (ladders[i] for i in self.rng.permutation(len(ladders))[:2])
        kind, other = self.some(KINDS, 2)
        topic, ways = self.one(TOPICS), MANNERS.split("; ")
        q, synonym = self.some(mine, 2)
        return [
            self.one(ways).format(q=q, k=kind),
            self.one(ways).format(q=synonym, k=kind),
            f"{q} {kind} about {topic}",
            f"{q} and {self.one(yours)} {kind}",
            self.one(ways).format(q=self.one(yours), k=kind),
            f"{synonym} {other}",
        ]

    def opinion(self) -> list[str]:
        """A product and its parts, praised and blamed."""
        product, other = self.some(PRODUCTS, 2)
        part, part2 = self.some(PARTS, 2)
        good, blame = self.one(PRAISE), self.one(BLAME)
        ways = OPINIONS.split("; ")
        likes = [f.split("; ") for f in LIKES.split("|")]
        group, group2 = (likes[i] for i in self.rng.permutation(len(likes))[:2])
        return [
            self.one(ways).format(part=part, product=product, j=good),
            self.one(ways).format(part=part, product=product, j=self.one(PRAISE)),
            self.one(ways).format(part=part, product=product, j=blame),
            f"the {part} is {good} but the {part2} is {blame}",
            *(line.format(product=product) for line in self.some(group, 2)),
            self.one(group2).format(product=product),
            self.one(group).format(product=other),
        ]

    def question(self) -> list[str]:
        """A task, asked and advised."""
        tasks = [t.strip().split(": ") for t in TASKS.split("|")]
        (verb, objects), (verb2, objects2) = (
            tasks[i] for i in self.rng.permutation(len(tasks))[:2]
        )
        thing, other = self.some(objects.split("; "), 2)
        asking = [f.split("; ") for f in ASKING.split("|")]
        group, group2 = (asking[i] for i in self.rng.permutation(len(asking))[:2])
        same, again = self.some(group, 2)
        return [
            same.format(v=verb, o=thing).strip(),
            again.format(v=verb, o=thing).strip(),
            self.one(group2).format(v=verb, o=thing).strip(),
            same.format(v=verb, o=other).strip(),
            again.format(v=verb2, o=self.one(objects2.split("; "))).strip(),
        ]


def a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


OWN = {"scene": 2_400, "still": 800, "headline": 1_800, "title": 900, "taste": 800, "opinion": 600,
       "question": 500}  # fmt: skip


def own_families() -> list[list[str]]:
    """All families, in the order of OWN."""
    author = Author(np.random.default_rng(SEED))
    return [getattr(author, kind)() for kind, count in OWN.items() for _ in range(count)]
