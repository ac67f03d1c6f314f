"""The metrics that the functions emit, read from their source: each with its dimensions and the functions that have it."""

import re
from dataclasses import dataclass
from pathlib import Path

RECORDS = ["tower-persister", "manifest-importer", "manifest-exporter"]
ALL = [*RECORDS, "upstream-consumer", "event-publisher", "setup"]
# Which functions run what. The longest that a path begins with counts.
WHO = {
    "shared/src/lambda.rs": ALL,
    "shared/src/worker.rs": RECORDS,
    "shared/src/tower/": ["tower-persister"],
    "shared/src/candlepin/": ["manifest-importer"],
    "shared/src/export/": ["manifest-exporter"],
    "shared/src/http/": ["upstream-consumer", "manifest-exporter"],
    "shared/src/api/": ["upstream-consumer"],
    "shared/src/hosted/": ["setup"],
    "shared/src/setup/": ["setup"],
    **{f"functions/{name}/": [name] for name in ALL},
}
# Here are functions for others to call: whoever calls one has its metrics.
CALLED = "shared/src/metrics.rs"


@dataclass(frozen=True)
class Emitted:
    name: str
    dimensions: tuple[str, ...]
    functions: tuple[str, ...]


class Source:
    """The Rust source of the functions, without its tests and comments."""

    def __init__(self, root: Path):
        self.files = {}
        self.problems = []
        for path in [*root.glob("shared/src/**/*.rs"), *root.glob("functions/*/src/**/*.rs")]:
            text = re.sub(r"(?m)^\s*//.*$", "", path.read_text()).split("#[cfg(test)]\nmod tests {")[0]
            if path.name != "tests.rs":
                self.files[path.relative_to(root).as_posix()] = text
        self.text = "\n".join(self.files.values())

    def emitted(self) -> list[Emitted]:
        found = []
        for path, text in self.files.items():
            for macro in re.finditer(r"\bmetrics::(?:counter|gauge|histogram)!\((.*?)\)\s*\.", text, re.DOTALL):
                name, labels = macro[1].partition(",")[::2]
                dimensions = ("Function", *re.findall(r'"(\w+)"\s*=>', labels))
                who = tuple(self.who(path, text[: macro.start()]))
                found += [Emitted(each, dimensions, who) for each in self.names(path, name.strip(), text[: macro.start()])]
        return found

    def names(self, path: str, argument: str, before: str) -> list[str]:
        """What a macro's first argument is: a literal, or a variable of a loop over literals."""
        if argument.startswith('"'):
            return [argument.strip('"')]
        loops = re.findall(r"\bfor \((\w+), (\w+)\)\s+in\s+\[(.*?)\]\s*\{", before, re.DOTALL)
        if loops and argument in loops[-1][:2]:
            column = loops[-1].index(argument)
            return [pair[column] for pair in re.findall(r'\("(\w+)",\s*"(\w+)"\)', loops[-1][2])]
        self.problems.append(f"{path}: which metric is `{argument}`?")
        return []

    def who(self, path: str, before: str) -> list[str]:
        """The functions of the stack that run what stands in a file behind `before`."""
        if path != CALLED:
            known = [prefix for prefix in WHO if path.startswith(prefix)]
            if not known:
                self.problems.append(f"{path}: which functions run this? See WHO in .ci/emitted.py")
                return []
            return WHO[max(known, key=len)]
        within = re.findall(r"\bfn (\w+)", before)[-1]
        callers = [other for other, text in self.files.items() if other != CALLED and f"::{within}(" in text]
        return sorted({function for other in callers for function in self.who(other, "")})
