"""Rows to measure with: sentences like those of manuals and FAQs, the same on every machine.

They have about 95 characters each and practically no duplicates, with the long tail of rare
names and numbers that keeps a full-text index busy.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random


def _listed(words: str) -> list[str]:
    return words.split("|")


WHAT = _listed(
    "access card|account page|air filter|backup job|battery pack|boarding pass|brake cable|"
    "brass valve|camera lens|claim form|control panel|cooling pump|customer portal|data centre|"
    "delivery note|display screen|drain hose|email address|exhaust pipe|fuel gauge|fire alarm|"
    "gift voucher|glass door|heating circuit|ink cartridge|insurance policy|kitchen scale|"
    "laser printer|licence key|light sensor|loyalty card|main switch|meeting room|memory card|"
    "network cable|oven door|parking permit|password rule|payment method|power supply|"
    "pressure sensor|return label|roof window|safety belt|search index|shipping label|"
    "solar panel|spare part|steering wheel|tax certificate|thermostat|ticket machine|"
    "time sheet|touch screen|travel card|user manual|warranty card|washing machine|"
    "water tank|wireless router"
)
QUALITY = _listed(
    "blue|broken|certified|cheaper|older|compact|damaged|digital|domestic|electric|empty|"
    "faulty|foreign|heavy|hidden|identical|industrial|insulated|leaking|locked|loose|magnetic|"
    "manual|modern|narrow|newer|optional|original|outdated|portable|refurbished|reinforced|"
    "rented|secondary|sealed|silent|single|smaller|standard|sturdy|temporary|upper|used|worn"
)
MUST = _listed(
    "has to be replaced|is checked by hand|can be cleaned|must be registered|is switched off|"
    "should be returned|may be exchanged|is delivered separately|needs to be reset|"
    "is measured twice|cannot be repaired|is stored safely|gets approved|has to be cancelled|"
    "must stay closed|is calibrated again|can be ordered online|is charged overnight|"
    "should be inspected|is covered by the guarantee|has to be signed|is shipped without charge"
)
WHEN = _listed(
    "after {n} days|before the {n}th of each month|within {n} hours|every {n} weeks|"
    "once {n} litres have passed|below {n} degrees|as soon as error {n} appears|"
    "for orders over {n} euros|if the counter shows {n}|at more than {n} volts|"
    "when {n} people are present|until version {n} is installed"
)
WHO = _listed(
    "by the {name} office|according to {name}|in the {name} building|with the {name} adapter|"
    "from the {name} series|by a technician of {name}|at the {name} branch|using the {name} app"
)
SYLLABLES = _listed(
    "al|an|bar|bel|bo|ca|cor|da|del|den|do|el|en|fa|fer|ga|gen|ha|hol|in|ka|kel|la|lan|lo|"
    "mar|mi|mon|na|nor|o|pa|per|ra|ren|ri|sa|sol|ta|tel|tor|u|va|ven|vi|wel|zan|zo"
)
FORMS = (
    "The {quality} {what} {must} {when}.",
    "The {quality} {what} {must} {when} {who}.",
    "The {what} {must} {when}, the {quality} {other} {who}.",
    "Each {quality} {what} {must} {who}.",
    "One {quality} {what} {must} {who}; the {other} {must2} {when}.",
)
QUESTIONS = (
    "When {must} the {quality} {what}?",
    "What about the {what} {when}?",
    "Is it true that a {quality} {what} {must}?",
    "Who takes care of the {what} {who}?",
)
LARGEST_NUMBER = 9_999
BUCKETS = 10_000


def texts(count: int, seed: int) -> Iterator[str]:
    """`count` sentences; the same seed gives the same ones."""
    chance = Random(seed)
    for _ in range(count):
        yield _sentence(chance)


def questions(count: int, seed: int) -> Iterator[str]:
    """`count` questions that such sentences answer; the same seed gives the same ones."""
    chance = Random(seed)
    for _ in range(count):
        yield _sentence(chance, QUESTIONS)


def write_csv(path: Path, count: int, seed: int) -> None:
    """Write a file of `count` passages."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["content"])
        writer.writerows([text] for text in texts(count, seed))


def write_csv_with_metadata(path: Path, count: int, seed: int) -> None:
    """Write `count` passages with metadata to filter by: `bucket`, a number below `BUCKETS`."""
    chance = Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["content", "metadata.bucket"])
        writer.writerows([text, chance.randrange(BUCKETS)] for text in texts(count, seed))


def _sentence(chance: Random, forms: Sequence[str] = FORMS) -> str:
    pick = chance.choice
    return pick(forms).format(
        quality=pick(QUALITY),
        what=pick(WHAT),
        other=pick(WHAT),
        must=pick(MUST),
        must2=pick(MUST),
        when=pick(WHEN).format(n=chance.randint(2, LARGEST_NUMBER)),
        who=pick(WHO).format(name=_name(chance)),
    )


def _name(chance: Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))).capitalize()
