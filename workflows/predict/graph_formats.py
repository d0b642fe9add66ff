"""Answers as graphs of names, for GraphML and RDF tools, written as they come.

A graph has a node for each name, as it is written, and an edge for each answer, which keeps where it comes from: the
post, its words and its photo, and the types that were predicted for the pair. GraphML may name no node twice, so that
the names already written are held in memory, and nothing else is; N-Triples repeat what they like.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from dgf.pipeline.posts import Post
from dgf.workflows.predict.answer import Unanswered

_EDGE_KEYS = ("relation", "probability", "post", "sentence", "photo", "head_type", "tail_type")
_NAMESPACE = "urn:dgf:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
_DERIVED_FROM = "<http://www.w3.org/ns/prov#wasDerivedFrom>"
_DECIMAL = "<http://www.w3.org/2001/XMLSchema#decimal>"


class GraphMl:
    """A directed graph for networkx, Gephi, igraph and Neo4j."""

    first = '<?xml version="1.0" encoding="UTF-8"?><!-- answers of dgf predict -->'
    graph = True

    def __init__(self) -> None:
        self._nodes: dict[str, int] = {}
        self._edges = 0

    def begin(self) -> str:
        """Write which values nodes and edges have."""
        keys = [_key("name", "node"), *(_key(name, "edge") for name in _EDGE_KEYS)]
        opened = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        return f'{self.first}\n{opened}\n{"".join(keys)}<graph edgedefault="directed">\n'

    def answer(self, post: Post, row: Mapping[str, Any]) -> str:
        """Write an edge, and its ends where they are new."""
        written = []
        for name in (row["head"], row["tail"]):
            if name not in self._nodes:
                self._nodes[name] = len(self._nodes)
                written.append(f'<node id="n{self._nodes[name]}">{_data({"name": name})}</node>\n')
        values = {"relation": row["relation"], "probability": row["probability"], "post": row["id"], **_source(post)}
        values |= _types(row)
        source, target = self._nodes[row["head"]], self._nodes[row["tail"]]
        written.append(f'<edge id="e{self._edges}" source="n{source}" target="n{target}">{_data(values)}</edge>\n')
        self._edges += 1
        return "".join(written)

    def unanswered(self, fault: Unanswered) -> str:
        """Write nothing."""
        return ""

    def end(self) -> str:
        """Close what was opened."""
        return "</graph>\n</graphml>\n"


class NTriples:
    """RDF, a triple a line: the relation itself, and a statement of it with its probability and the post it is from."""

    first = "# answers of dgf predict"
    graph = True

    def begin(self) -> str:
        """Write the line by which the file is known."""
        return f"{self.first}\n"

    def answer(self, post: Post, row: Mapping[str, Any]) -> str:
        """Write the triples of an answer."""
        head, tail, relation = _iri("name", row["head"]), _iri("name", row["tail"]), _iri("relation", row["relation"])
        said, source = _iri("answer", row["id"]), _iri("post", row["id"])
        triples = [
            (head, relation, tail),
            (head, _LABEL, _literal(row["head"])),
            (tail, _LABEL, _literal(row["tail"])),
            (said, f"<{_RDF}type>", f"<{_RDF}Statement>"),
            (said, f"<{_RDF}subject>", head),
            (said, f"<{_RDF}predicate>", relation),
            (said, f"<{_RDF}object>", tail),
            (said, f"<{_NAMESPACE}probability>", f'"{row["probability"]:.6f}"^^{_DECIMAL}'),
            *((said, f"<{_NAMESPACE}{name}>", _literal(kind)) for name, kind in _types(row).items()),
            (said, _DERIVED_FROM, source),
            *((source, f"<{_NAMESPACE}{name}>", _literal(text)) for name, text in _source(post).items()),
        ]
        return "".join(f"{' '.join(triple)} .\n" for triple in triples)

    def unanswered(self, fault: Unanswered) -> str:
        """Write nothing."""
        return ""

    def end(self) -> str:
        """Write nothing."""
        return ""


def _source(post: Post) -> dict[str, str]:
    """What is kept of the post that an answer is from."""
    sentence = {"sentence": " ".join(post.tokens)}
    return {**sentence, "photo": post.image_ids[0]} if post.image_ids else sentence


def _types(row: Mapping[str, Any]) -> dict[str, str]:
    """The types that were predicted, if any."""
    return dict(zip(("head_type", "tail_type"), row.get("types", ()), strict=False))


def _key(name: str, of: str) -> str:
    kind = "double" if name == "probability" else "string"
    return f'<key id="{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>\n'


def _data(values: Mapping[str, object]) -> str:
    texts = {name: escape(_for_xml(str(value))) for name, value in values.items()}
    return "".join(f'<data key="{name}">{text}</data>' for name, text in texts.items())


def _for_xml(text: str) -> str:
    """Replace what XML cannot hold, not even as a number: control characters and two others."""
    return "".join(character if _is_xml(ord(character)) else "\N{REPLACEMENT CHARACTER}" for character in text)


def _is_xml(code: int) -> bool:
    return code in (9, 10) or 0x20 <= code <= 0xFFFD or code >= 0x10000


def _iri(kind: str, name: str) -> str:
    return f"<{_NAMESPACE}{kind}:{quote(name, safe='')}>"


def _literal(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return f'"{"".join(escapes.get(character, character) for character in text)}"'
