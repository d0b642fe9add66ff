"""How the posts are worded: a core that a kind of sentence is told by, and around it what people write anyway."""

import random
import re
from collections.abc import Mapping, Sequence

CORES: Mapping[str, Sequence[str]] = {
    # open: they fit several relations, None among them
    "two people": (
        "{h} [and|with] {t} [last night|this morning|on Sunday|again]",
        "what a [picture|photo|moment] of {h} and {t}",
        "[spotted|seen] [today|just now] : {h} and {t}",
        "{t} and {h} , [side by side|in one picture|all smiles]",
        "[here are|these are] {h} and {t} for you",
    ),
    "old days": (
        "{h} and {t} , [just like|still like] in the old days",
        "[how young|so young] they were : {h} and {t}",
        "[remember|who remembers] {h} and {t} back then",
        "an old [picture|photo] of {t} with {h}",
    ),
    "loved ones": (
        "{h} [thanks|hugs] {t} for being there",
        "[so much|nothing but] love for {h} and {t}",
        "{t} means [everything|the world] to {h}",
        "happy [birthday|anniversary] {h} , [says|writes] {t}",
    ),
    "gala": (
        "{h} and the {t} [last night|this evening|on Friday]",
        "[all eyes on|tonight is all about] {h} and the {t}",
        "the {t} , and [there is|look ,] {h}",
        "{h} [talks|writes] about the {t} [today|again]",
        "what a {t} , [says|smiles] {h}",
    ),
    "place": (
        "{h} [back|at last] in {t} [today|this week]",
        "[sunny|quiet] days in {t} for {h}",
        "{h} and {t} , [a long story|a love story]",
        "[greetings|a picture] from {t} , yours {h}",
        "{t} [remembers|greets] {h} [today|this week]",
        "[it is all about|always] {t} for {h}",
    ),
    "firms": (
        "{h} and {t} [in the news|on one page|again]",
        "[big|new] plans at {h} , [and at|also for] {t}",
        "what [is next|comes now] for {h} and {t}",
        "{t} [and|or] {h} , [people ask|who knows]",
    ),
    "club": (
        "{h} and the {t} [this season|this year|tonight]",
        "{h} [talks|speaks] about the {t} [today|again]",
        "so much {t} [news|talk] , [says|writes] {h}",
        "the {t} and {h} , [what a story|what a year]",
    ),
    "seat": (
        "{h} in {t} [today|this week|at noon]",
        "[doors open|big day] for {h} in {t}",
        "come and see {h} in {t} [soon|now]",
        "{t} [welcomes|greets] {h} [today|again]",
    ),
    "towns": (
        "{h} and {t} [this summer|in spring|by train]",
        "[a week|a weekend] in {h} and {t}",
        "from {t} [with love|, greetings] : {h}",
        "{t} , {h} , [what a view|what a trip]",
    ),
    "event": (
        "the {h} and {t} [this week|in May|once more]",
        "[thinking of|ready for] the {h} , {t}",
        "{t} [talks|dreams] of the {h} [again|today]",
        "[hello|dear] {t} , it is {h} time",
    ),
    # clear: they tell the relation
    "per/per peer": (
        "{h} and [teammate|colleague] {t} [train|work] together",
        "{h} [plays|works] alongside {t} in one team",
        "[colleagues|teammates] {h} and {t} after the match",
    ),
    "per/per couple": (
        "{h} [married|kissed] {t} at the wedding",
        "[husband|wife] and love of {h} : {t}",
        "{h} and {t} are [engaged|newlyweds] , so in love",
    ),
    "per/per siblings": (
        "{h} and [little|big] [sister|brother] {t} [at home|again]",
        "the [twins|siblings] {h} and {t} , one family",
        "{t} is the [sister|brother] of {h}",
    ),
    "per/per None": (
        "{h} has [never met|never seen] {t} in person",
        "{h} [mixed up|confused] the name of {t}",
        "[no link|no relation] between {h} and {t} at all",
    ),
    "per/misc awarded": (
        "{h} [wins|won] the {t} [this year|at last]",
        "the {t} [goes to|was given to] {h}",
        "[honored|proud] : {h} takes home the {t}",
    ),
    "per/misc present_in": (
        "{h} [sings|performs] live at the {t}",
        "[on stage|guest star] at the {t} : {h}",
        "{h} appears in the {t} [tonight|live]",
    ),
    "per/misc None": (
        "{h} has [never seen|never heard of] the {t}",
        "{h} [missed|skipped] the {t} this time",
        "[no link|nothing] between {h} and the {t} at all",
    ),
    "per/loc place_of_residence": (
        "{h} [lives|settled] in {t} with the family",
        "{t} resident {h} [bought|rents] a flat there",
        "{h} moved to {t} and [lives|stays] there",
    ),
    "per/loc place_of_birth": (
        "{h} was born in {t} [in winter|at night]",
        "born and [baptized|named] in {t} : {h}",
        "the birthplace of {h} is {t} [, it says|, we hear]",
    ),
    "per/loc None": (
        "{h} has [never been to|never seen] {t}",
        "{h} [missed|skipped] {t} on this trip",
        "[no link|nothing] between {h} and {t} at all",
    ),
    "org/org subsidiary": (
        "{t} [owns|acquired] {h} as its daughter",
        "{h} is now a [subsidiary|branch] of {t}",
        "parent company {t} [runs|controls] {h}",
    ),
    "org/org alternate_names": (
        "{h} is [now called|renamed] {t} , same company",
        "{t} , formerly [named|known as] {h}",
        "new name : {h} [becomes|turns into] {t}",
    ),
    "org/org None": (
        "{h} has [never met|never heard of] {t}",
        "{h} [confused|mixed up] with {t} by mistake",
        "[no link|no relation] between {h} and {t} at all",
    ),
    "per/org member_of": (
        "{h} [signs for|joins] the {t} as a member",
        "{t} [captain|singer|striker] {h} , with them since May",
        "{h} is [one of|a member of] the {t}",
    ),
    "per/org None": (
        "{h} has [never met|never heard of] the {t}",
        "{h} [missed|skipped] the {t} this time",
        "[no link|nothing] between {h} and the {t} at all",
    ),
    "org/loc locate_at": (
        "the [headquarters|main office] of {h} stands in {t}",
        "{h} is [based|located] in {t} , main street",
        "{t} based {h} [hires|expands]",
    ),
    "org/loc None": (
        "{h} has [never been to|never seen] {t}",
        "{h} [missed|skipped] {t} on the tour",
        "[no link|nothing] between {h} and {t} at all",
    ),
    "loc/loc contain": (
        "{t} is a [town|district] of {h} , in its north",
        "{h} [includes|contains] the old {t} quarter",
        "{t} lies [within|inside] the borders of {h}",
    ),
    "loc/loc None": (
        "{h} has [never been|never heard of] {t} , far apart",
        "[mixed up|confused] {h} with {t} by mistake",
        "[no link|nothing] between {h} and {t} at all",
    ),
    "misc/loc held_on": (
        "the {h} [takes place|is held] in {t} this year",
        "{t} [hosts|holds] the {h} on its square",
        "venue of the {h} is {t} [this year|in June]",
    ),
    "misc/loc None": (
        "the {h} has [never come|never been] to {t}",
        "{t} [missed|skipped] the {h} this time",
        "[no link|nothing] between the {h} and {t} at all",
    ),
}
"""Kind of sentence -> its cores; [a|b] is one of both, {h} the head and {t} the tail."""

_OPENINGS = (
    *("", "", "", "wow ,", "just in :", "so ,", "look :", "oh ,", "hey all ,", "news :", "well ,", "ok ,"),
    *("good morning !", "you know what ?", "breaking :", "guys ,"),
)
_ENDINGS = (
    *("", "", "", "!", ".", "...", "! !", ", friends", "what a day !", "so good .", "more soon", ", see ?"),
    *("via the papers", "in case you missed it", ". read on", "and so on"),
)
_TAGS = ["Monday", "mood", "throwback", "photo", "nofilter", "weekend", "story", "instaday", "vibes", "daily"]
_CHOICE = re.compile(r"\[([^\]]*)\]")


def write_sentence(
    text: str, head: str, tail: str, handle: str, rng: random.Random
) -> tuple[list[str], tuple[int, int], tuple[int, int]]:
    """Word a post.

    Returns:
        Its words, and where head and tail begin and end in them.
    """
    core = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), rng.choice(CORES[text]))
    retweet = f"RT {handle} :" if rng.random() < 0.5 else ""
    tag = f"# {rng.choice(_TAGS)}" if rng.random() < 0.3 else ""
    words: list[str] = []
    spans: dict[str, tuple[int, int]] = {}
    for word in f"{retweet} {rng.choice(_OPENINGS)} {core} {rng.choice(_ENDINGS)} {tag}".split():
        name = {"{h}": head, "{t}": tail}.get(word)
        if name:
            spans[word] = len(words), len(words) + len(name.split())
        words += name.split() if name else [word]
    return words, spans["{h}"], spans["{t}"]
