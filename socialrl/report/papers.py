"""The claims of the papers: how each is tested here, scaled how, or why not; from experiments/papers.json.

An entry: `paper`; `claim`, in the paper's terms; `tested`, "as stated", "scaled", "ours" (another measure or
algorithm) or "not tested"; `how`, what differs, or why it is not tested; and where it is tested the
`experiment` and the `text` of the claim in its file, whose verdict is looked up in the results.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from socialrl.report.markdown import ends, plain, table, verdict
from socialrl.report.reading import JsonObject
from socialrl.report.tables import NONE, number
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

FILE = Path("experiments/papers.json")
TESTED = ("as stated", "scaled", "ours", "not tested")
KEYS = {"paper", "claim", "tested", "how", "experiment", "text"}


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """The entries. Raises SocialRLError that names the file and the entry if one is not as described."""
    entries = read_json(file.read_bytes(), str(file))
    if not isinstance(entries, list):
        raise SocialRLError(f"{file}: not a list")
    for i, entry in enumerate(entries):
        where = f"{file}: {i}"
        if (
            not isinstance(entry, dict)
            or not set(entry) <= KEYS
            or not {"paper", "claim", "how"} <= set(entry)
        ):
            raise SocialRLError(f"{where}: not an entry", f"its keys are {', '.join(sorted(KEYS))}")
        if entry.get("tested") not in TESTED:
            raise SocialRLError(f"{where}: tested: {entry.get('tested')!r}", " or ".join(TESTED))
        if (entry["tested"] == "not tested") == ("experiment" in entry):
            raise SocialRLError(f"{where}: experiment", "what is tested names it, and nothing else does")
    return entries


def paper_table(entries: Sequence[Mapping[str, Any]], known: Mapping[str, JsonObject]) -> str:
    """A row per entry, with the verdict."""
    head = ("paper", "its claim", "tested", "what differs, or why not", "where", "difference", "verdict")
    rows = []
    for one in entries:
        gap, decided = outcome(one, known)
        where = f"`{one['experiment']}`" if "experiment" in one else NONE
        cells = (one["paper"], one["claim"], one["tested"], one["how"])
        rows.append((*map(plain, cells), where, plain(gap), decided))
    return table(head, rows)


def outcome(entry: Mapping[str, Any], known: Mapping[str, JsonObject]) -> tuple[str, str]:
    """The difference with its corrected interval, and the verdict with the number of seeds."""
    if "experiment" not in entry:
        return NONE, NONE
    for claim in known.get(entry["experiment"], {}).get("claims", ()):
        if claim["claim"] == entry.get("text"):
            if claim["corrected"] is None:
                return NONE, verdict(claim)
            return f"{number(claim['difference'])} {ends(claim['corrected'])}", f"**{verdict(claim)}**"
    return NONE, "not run yet"
