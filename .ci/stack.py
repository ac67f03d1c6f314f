"""Reading a translated template with every branch of its conditions: what a property may be, not what it is by default."""

import itertools
import math
import re

NO_VALUE = {"Ref": "AWS::NoValue"}
IMAGINED = {
    "AWS::Partition": "aws",
    "AWS::Region": "<region>",
    "AWS::AccountId": "<account>",
    "AWS::StackName": "<stack>",
    "AWS::URLSuffix": "<suffix>",
}


def alternatives(value: object) -> list:
    """What a value is in one branch or another. None stands for a property that is not there."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        _, yes, no = value["Fn::If"]
        return alternatives(yes) + alternatives(no)
    return [None if value == NO_VALUE else value]


def at(node: object, *path: str) -> list:
    """What may stand at the end of a path."""
    found = []
    for value in alternatives(node):
        if not path:
            found.append(value)
        else:
            found += at(value.get(path[0]) if isinstance(value, dict) else None, *path[1:])
    return found


def conditions(node: object) -> set[str]:
    """The conditions that decide on anything at or below a node."""
    if isinstance(node, list):
        return {name for element in node for name in conditions(element)}
    if not isinstance(node, dict):
        return set()
    own = {node["Fn::If"][0]} if set(node) == {"Fn::If"} else set()
    return own.union(*(conditions(value) for value in node.values()))


def decided(node: object, holding: set[str]) -> object:
    """A node where the conditions that hold are known."""
    if isinstance(node, list):
        return [it for it in (decided(element, holding) for element in node) if it is not None]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Fn::If"}:
        condition, yes, no = node["Fn::If"]
        return decided(yes if condition in holding else no, holding)
    return None if node == NO_VALUE else {key: decided(value, holding) for key, value in node.items()}


def variants(node: dict, *keys: str) -> list[dict]:
    """Some properties that hang together, for each set of conditions that may hold."""
    part = {key: node.get(key) for key in keys}
    names = sorted(conditions(part))
    choices = itertools.product([True, False], repeat=len(names))
    return [decided(part, {name for name, holds in zip(names, choice, strict=True) if holds}) for choice in choices]


def items(node: object) -> list:
    """What may be in a list. One thing counts as a list of it, as it does in policies."""
    found = []
    for value in alternatives(node):
        if isinstance(value, list):
            found += [item for element in value for item in items(element)]
        elif value is not None:
            found.append(value)
    return found


def conditional_items(node: object, when: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    """As `items`, each with the conditions that it is there by."""
    if isinstance(node, dict) and set(node) == {"Fn::If"}:
        condition, yes, no = node["Fn::If"]
        return conditional_items(yes, (*when, condition)) + conditional_items(no, (*when, f"not {condition}"))
    if isinstance(node, list):
        return [item for element in node for item in conditional_items(element, when)]
    return [] if node is None or node == NO_VALUE else [(when, node)]


def texts(value: object) -> list[str]:
    """A value as text, in each branch: references in braces, what only the account knows in angle brackets."""
    found = []
    for branch in alternatives(value):
        if isinstance(branch, list):
            found += [text for element in branch for text in texts(element)]
        elif isinstance(branch, dict):
            found += intrinsic_texts(branch)
        elif branch is not None:
            found.append(str(branch))
    return found


def intrinsic_texts(value: dict) -> list[str]:
    (function, argument), *others = value.items()
    if others:
        return [str(value)]
    if function == "Ref":
        return [IMAGINED.get(argument, f"{{{argument}}}")]
    if function == "Fn::GetAtt":
        name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
        return [f"{{{name}}}" if attribute == "Arn" else f"{{{name}.{attribute}}}"]
    if function == "Fn::Sub":
        pattern, variables = argument if isinstance(argument, list) else (argument, {})
        names = re.findall(r"\$\{([^!}]+)\}", pattern)
        choices = [texts(variables[name]) if name in variables else [named(name)] for name in names]
        return [substituted(pattern, names, choice) for choice in itertools.product(*choices)]
    if function == "Fn::Join":
        delimiter, parts = argument
        if isinstance(parts, dict) and "Fn::Split" in parts:
            # The ARN of a topic from that of its cluster: another type, and the rest of it.
            return [f"{whole}{delimiter}.." for whole in texts(parts["Fn::Split"][1])]
        if isinstance(parts, list):
            return [delimiter.join(choice) for choice in itertools.product(*map(texts, parts))]
    return [str(value)]


def named(name: str) -> str:
    return IMAGINED.get(name, f"{{{name.removesuffix('.Arn')}}}")


def substituted(pattern: str, names: list[str], choice: tuple[str, ...]) -> str:
    for name, text in zip(names, choice, strict=True):
        pattern = pattern.replace(f"${{{name}}}", text)
    return pattern


def referred(value: object) -> str | None:
    """The name of the resource or parameter that a value refers to, if it is nothing else."""
    match = re.fullmatch(r"\{(\w+)\}", "".join(texts(value)))
    return match and match[1]


def statements(node: object) -> list[dict]:
    """Every statement of every policy at or below a node."""
    found = []
    if isinstance(node, dict):
        if "Statement" in node:
            found += items(node["Statement"])
        found += [statement for value in node.values() for statement in statements(value)]
    elif isinstance(node, list):
        found += [statement for element in node for statement in statements(element)]
    return found


class Stack:
    """A translated template."""

    def __init__(self, template: dict):
        self.parameters = template.get("Parameters", {})
        self.resources = template.get("Resources", {})

    def of_type(self, *kinds: str) -> list[tuple[str, dict]]:
        """The resources of some types, each with its properties."""
        return [(name, it.get("Properties", {})) for name, it in self.resources.items() if it["Type"] in kinds]

    def is_a(self, name: str | None, kind: str) -> bool:
        return self.resources.get(name, {}).get("Type") == kind

    def bounds(self, value: object) -> tuple[float, float]:
        """The least and the greatest number that a value may be: with a parameter, whatever that permits."""
        if isinstance(value, (int, float, str)) and re.fullmatch(r"-?\d+", str(value)):
            return int(value), int(value)
        parameter = self.parameters.get(referred(value))
        if parameter is None:
            return -math.inf, math.inf
        if "AllowedValues" in parameter:
            numbers = [int(number) for number in parameter["AllowedValues"]]
            return min(numbers), max(numbers)
        return float(parameter.get("MinValue", -math.inf)), float(parameter.get("MaxValue", math.inf))

    def choices(self, value: object) -> set:
        """The values that a value may be, None among them when that cannot be told."""
        parameter = self.parameters.get(referred(value))
        if parameter is not None:
            return set(parameter.get("AllowedValues", [None]))
        return {value if isinstance(value, (str, bool, int)) else None}

    def function_named_by(self, value: object) -> str | None:
        """The function that a mapping, a permission or an integration is for."""
        name = referred(value)
        return name if self.is_a(name, "AWS::Lambda::Function") else None

    def kafka_mappings(self) -> list[tuple[str, dict]]:
        kafka = ("Topics", "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig")
        return [
            (name, mapping)
            for name, mapping in self.of_type("AWS::Lambda::EventSourceMapping")
            if any(key in mapping for key in kafka)
        ]
