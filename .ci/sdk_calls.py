"""What the Rust code asks of AWS, and from where.

Whoever asks AWS for something was handed an `Aws`, which has the credentials. So a function of Lambda reaches what its
`main` hands one to, and what that hands it on to, and the types beside it that it mentions. This reads the text, not the
types: what it overlooks shows as a call that no function reaches, and that is refused.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

# What the compiler would not see as code: comments, strings, characters.
NOT_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|r(#*)".*?"\1|"(?:\\.|[^"\\])*"|'(?:\\[^']*|[^'\\\n])'""", re.DOTALL)
ITEM = re.compile(
    r"^(?:pub(?:\([^)]*\))? )?(?:async |const |unsafe )*fn (?P<function>\w+)"
    r"|^impl(?:<[^>{]*>)? (?:[^{]*? for )?(?P<type>\w+)",
    re.MULTILINE,
)
TAKES_AWS = re.compile(r"\bfn (\w+)[^{;]*?\bAws\b")
CALL = re.compile(r"(?<!fn )\b(?:(\w+)::)?(\w+)\(")
HANDED = re.compile(r"\baws\b|\bAws::from_env\(")


@dataclass
class Item:
    """A type with its methods, or a free function."""

    path: str
    name: str
    file: Path
    code: str = ""
    raw: str = ""
    takes_aws: set[str] = field(default_factory=set)


def blanked(text: str) -> str:
    """The text with its comments and strings empty, each character where it was."""
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def closing(code: str, start: int, pair: str = "{}") -> int:
    """Behind the bracket that closes the first one at or after `start`."""
    depth = 0
    for position in range(code.index(pair[0], start), len(code)):
        depth += (code[position] == pair[0]) - (code[position] == pair[1])
        if depth == 0:
            return position + 1
    raise ValueError("a bracket is not closed")


def without_tests(code: str) -> str:
    """The code without what is compiled for tests only."""
    while (at := code.find("#[cfg(test)]")) >= 0:
        ends = re.compile(r"[;{]").search(code, at)
        end = closing(code, ends.start()) if ends and ends[0] == "{" else ends.end()
        code = code[:at] + re.sub(r"[^\n]", " ", code[at:end]) + code[end:]
    return code


def module(file: Path) -> str:
    """The path of a file's module; those of the shared crate go without the crate's name."""
    source = next(parent for parent in file.parents if parent.name == "src")
    parts = list(file.relative_to(source).with_suffix("").parts)
    if source.parent.name != "shared":
        parts.insert(0, source.parent.name.replace("-", "_"))
    return "::".join(part for part in parts if part not in ("mod", "lib"))


def read_file(file: Path, text: str) -> list[Item]:
    code = without_tests(blanked(text))
    items: dict[str, Item] = {}
    for match in ITEM.finditer(code):
        name = match["function"] or match["type"]
        item = items.setdefault(name, Item(f"{module(file)}::{name}".removeprefix("::"), name, file))
        # A pattern among the parameters may have braces too.
        end = closing(code, closing(code, match.start(), "()") if match["function"] else match.start())
        item.code += code[match.start() : end]
        item.raw += text[match.start() : end]
        item.takes_aws |= set(TAKES_AWS.findall(code[match.start() : end]))
    return list(items.values())


class Code:
    """The items of the crates that a function of Lambda is made of."""

    def __init__(self, files: dict[Path, str], operations: dict[str, str]):
        """`operations`: the service of each operation of the SDK, by the operation's name in Rust."""
        self.items = [
            item
            for file, text in files.items()
            # `Aws` itself makes the clients, and asks for nothing.
            if "tests" not in file.with_suffix("").parts and file.name != "aws.rs"
            for item in read_file(file, text)
        ]
        self.files = files
        self.by_path = {item.path: item for item in self.items}
        self.calls = {item.path: found for item in self.items if (found := calls(item, operations))}
        self.next = {item.path: self.successors(item) for item in self.items}

    def successors(self, item: Item) -> set[str]:
        found = {
            other.path
            for other in self.items
            if other is not item and other.file == item.file and re.search(rf"\b{other.name}\b", item.code)
        }
        # A type may have methods in the modules below its own.
        if item.name[0].isupper():
            scope = item.path.removesuffix(item.name)
            same = {other.path for other in self.items if other.name == item.name and other is not item}
            found |= {path for path in same if path.startswith(scope)}
        for call in CALL.finditer(item.code):
            arguments = item.code[call.end() - 1 : closing(item.code, call.end() - 1, "()")]
            if HANDED.search(arguments):
                found |= {other.path for other in self.called(item, call[1], call[2])}
        return found

    def called(self, item: Item, scope: str | None, name: str) -> list[Item]:
        """What a call that hands on an `Aws` may be of."""
        if scope is not None and scope[0].isupper():
            return [it for it in self.items if it.name == scope and name in it.takes_aws]
        functions = [it for it in self.items if it.name == name and name in it.takes_aws]
        methods = [it for it in self.items if it.name != name and name in it.takes_aws and it.file != item.file]
        here = [it for it in functions if it.file == item.file]
        if scope is None and here:
            return here
        modules = {scope} if scope else self.imported_from(item, name)
        named = [it for it in functions if it.path.split("::")[-2:-1] and it.path.split("::")[-2] in modules]
        return named or functions or methods

    def imported_from(self, item: Item, name: str) -> set[str]:
        found = re.findall(rf"(\w+)::(?:\{{[^}}]*\b{name}\b[^}}]*\}}|{name}\b)", blanked(self.files[item.file]))
        return set(found)

    def reached(self, start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen.add(path)
                waiting += self.next.get(path, ())
        return seen

    def calls_from(self, start: str) -> set[str]:
        return {call for path in self.reached(start) for call in self.calls.get(path, ())}


def calls(item: Item, operations: dict[str, str]) -> set[str]:
    """`s3.get_object` for a call of the SDK, `signed rds-db` for a request that is signed by hand."""
    names = re.findall(r"\.\s*(\w+)\(\s*\)", item.code)
    found = {f"{operations[name]}.{name}" for name in names if name in operations}
    if "credentials" in names:
        services = re.findall(r'\.name\(\s*"([\w-]+)"\s*\)', item.raw)
        if "aws_msk_iam_provider" in item.code:
            services.append("kafka-cluster")
        found |= {f"signed {service}" for service in services or ["nobody knows what"]}
    return found
