"""One line of help for every field of a config class, taken from where it is written anyway: docstrings and
comments.
"""

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Collection


def field_docs(cls: type) -> dict[str, str]:
    """Field -> what it means, of a dataclass and its bases; a field that nobody describes has ""."""
    names = [field.name for field in dataclasses.fields(cls)]
    found: dict[str, str] = {}
    for base in cls.__mro__:
        if dataclasses.is_dataclass(base):
            text = base.__dict__.get("__doc__") or ""
            written = (
                "" if text.startswith(f"{base.__name__}(") else text
            )  # a dataclass without a docstring gets its signature
            found = from_docstring(written, names) | from_comments(base) | found
    return {name: found.get(name, "") for name in names}


def from_docstring(text: str, names: Collection[str]) -> dict[str, str]:
    """Reads `name: meaning.` and `one, two: their meaning.`, at the start of a line or sentence, and `name
    (meaning)`.
    """
    if not names:
        return {}
    name = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    heads = list(
        re.finditer(rf"(?:^|(?<=\n)|(?<=\. )|(?<=; ))[ \t]*((?:{name})(?:,\s+(?:{name}))*):\s", text)
    )
    ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
    found = {}
    for head, end in zip(heads, ends, strict=True):
        meaning = _first_sentence(text[head.end() : end])
        found |= {one.strip(): meaning for one in head[1].split(",")}
    for mention in re.finditer(rf"\b({name}) \(([^()]+)\)", text):
        found.setdefault(mention[1], " ".join(mention[2].split()))
    return found


def from_comments(cls: type) -> dict[str, str]:
    """Reads the comment behind a field, `depth: int = 2  # layers`."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
        body = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    comments = {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    fields = [node for node in getattr(body, "body", ()) if isinstance(node, ast.AnnAssign)]
    return {
        ast.unparse(node.target): comments[node.end_lineno] for node in fields if node.end_lineno in comments
    }


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<!e\.g\.)(?<!i\.e\.)(?<=[^.][.])\s+(?=[A-Z`\"])", paragraph)[0].rstrip(".;")
