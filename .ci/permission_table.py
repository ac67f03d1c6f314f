"""What each function may do, compared with what it does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from permission_claims import ACTIONS, BY_LAMBDA, CALLED, CLAIMS, KAFKA, LOGS, NETWORK, NOT_GIVEN, QUEUE, TRACES, Claim
from sdk_calls import Code
from stack import Stack, at, conditional_items, referred, texts


@dataclass(frozen=True)
class Grant:
    """One action that a role allows on one resource, and the conditions that it is there by."""

    action: str
    resource: str
    when: tuple[str, ...]


@dataclass
class Function:
    """A function of the template: what it may, and what it reaches in the code."""

    name: str
    binary: str
    properties: dict
    grants: list[Grant]
    lambda_does: set[str]
    denied: set[str]
    reached: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    reasons: list[tuple[Grant, Claim]] = field(default_factory=list)

    def services(self) -> set[str]:
        """The services that decrypt for it: those it calls, and those that its mappings call."""
        own = {call.split(".")[0] for call in self.calls if "." in call}
        mapping = {"s3", "secretsmanager"} if KAFKA in self.lambda_does else set()
        return own | mapping | ({"sqs"} if QUEUE in self.lambda_does else set())


def policies(stack: Stack, role: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """The documents of a role's policies, wherever they stand."""
    properties = stack.resources[role]["Properties"]
    for when, policy in conditional_items(properties.get("Policies", [])):
        yield when, policy["PolicyDocument"]
    for when, arn in conditional_items(properties.get("ManagedPolicyArns", [])):
        if stack.is_a(referred(arn), "AWS::IAM::ManagedPolicy"):
            yield when, stack.resources[referred(arn)]["Properties"]["PolicyDocument"]
    for _, policy in stack.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for when, attached in conditional_items(policy.get("Roles", [])):
            if referred(attached) == role:
                yield when, policy["PolicyDocument"]


def grants(stack: Stack, role: str) -> list[Grant]:
    found = {}
    for outer, document in policies(stack, role):
        for when, statement in conditional_items(document["Statement"], outer):
            if statement["Effect"] != "Allow":
                continue
            through = restriction(statement.get("Condition", {}))
            for _, action in conditional_items(statement["Action"]):
                for inner, resource in conditional_items(statement["Resource"], when):
                    for text in texts(resource):
                        found[Grant(action, text + through, inner)] = None
    return list(found)


def denied(stack: Stack, role: str, properties: dict) -> set[str]:
    """The actions that a role has and the function's own code has not."""
    names = set(texts(properties.get("FunctionName")))
    found = set()
    for _, document in policies(stack, role):
        for _, statement in conditional_items(document["Statement"]):
            arns = texts(at(statement, "Condition", "ArnEquals", "lambda:SourceFunctionArn"))
            if statement["Effect"] == "Deny" and names <= {arn.rpartition(":")[2] for arn in arns}:
                found |= set(texts(statement["Action"]))
    return found


def restriction(condition: dict) -> str:
    """What a statement's condition adds to its resource, as text."""
    parts = []
    for tests in condition.values():
        for key, value in tests.items():
            if key == "kms:ViaService":
                parts.append(f" through {', '.join(sorted(text.split('.')[0] for text in texts(value)))}")
            else:
                parts.append(f" where {key} is {' or '.join(texts(value))}")
    return "".join(parts)


def lambda_does(stack: Stack, name: str, properties: dict) -> set[str]:
    mapped = {stack.function_named_by(mapping.get("FunctionName")) for _, mapping in stack.kafka_mappings()}
    mappings = stack.of_type("AWS::Lambda::EventSourceMapping")
    kafka = {mapping for mapping, _ in stack.kafka_mappings()}
    queues = {stack.function_named_by(it.get("FunctionName")) for mapping, it in mappings if mapping not in kafka}
    has = {
        NETWORK: "VpcConfig" in properties,
        LOGS: "LoggingConfig" in properties,
        KAFKA: name in mapped,
        QUEUE: name in queues,
        TRACES: any("Active" in stack.choices(mode) for mode in at(properties, "TracingConfig", "Mode")),
    }
    return {reason for reason in BY_LAMBDA if has[reason]}


def functions(stack: Stack, source: dict, code: Code) -> list[Function]:
    found = []
    for name, properties in stack.of_type("AWS::Lambda::Function"):
        binary = source["Resources"][name]["Metadata"]["BuildProperties"]["Binary"]
        start = f"{binary.replace('-', '_')}::main::main"
        role = referred(properties["Role"])
        its = grants(stack, role), lambda_does(stack, name, properties), denied(stack, role, properties)
        function = Function(name, binary, properties, *its)
        function.reached, function.calls = code.reached(start), code.calls_from(start)
        found.append(function)
    return found


def actions_of(code: Code, path: str) -> set[str]:
    return {action for call in code.calls_from(path) for action in ACTIONS.get(call, ())}


def is_reason(function: Function, claim: Claim, grant: Grant, code: Code) -> bool:
    """Whether a claim is a reason for this function to be given that."""
    if not claim.covers(grant.action, grant.resource):
        return False
    if claim.by in BY_LAMBDA:
        return claim.by in function.lambda_does
    if claim.by == CALLED:
        return set(grant.resource.split(" through ")[1].split(", ")) <= function.services()
    return claim.by in function.reached and grant.action in actions_of(code, claim.by)


def untold(function: Function, claim: Claim, grant: Grant) -> list[str]:
    """What a resource names that the function's variables do not name."""
    variables = at(function.properties, "Environment", "Variables")
    told = str([it.get(variable) for it in variables if it for variable in claim.told])
    names = re.findall(r"\{(\w+)\}", grant.resource)
    common = {"MskClusterArn", "DatabaseResourceId"}
    return [name for name in names if claim.told and name not in common and not re.search(rf"\b{name}\b", told)]


def check_grants(function: Function, code: Code) -> Iterator[str]:
    """What a function may that it does not do."""
    for grant in function.grants:
        claims = [claim for claim in CLAIMS if is_reason(function, claim, grant, code)]
        if not claims:
            yield f"{function.name}: may {grant.action} on {grant.resource}, which nothing of it does"
        for claim in claims:
            function.reasons.append((grant, claim))
            if claim.by == NETWORK and grant.action not in function.denied:
                yield f"{function.name}: {grant.action} is not denied to its code"
            for name in untold(function, claim, grant):
                yield f"{function.name}: may {grant.action} on {grant.resource}, but no variable tells it of {name}"


def check_calls(function: Function, code: Code) -> Iterator[str]:
    """What a function does that it may not."""
    holders = {claim.by for claim in CLAIMS} & function.reached
    for holder in sorted(holders):
        given = {grant.action for grant, claim in function.reasons if claim.by == holder}
        for action in sorted(actions_of(code, holder) - given):
            if not {(function.name, holder, action), ("*", holder, action)} & set(NOT_GIVEN):
                yield f"{function.name}: {holder} does {action}, which it may not"
    claimed = {call for holder in holders for call in code.calls_from(holder)}
    for call in sorted(function.calls - claimed):
        yield f"{function.name}: {call} is called by code that no claim is for"


def check_code(found: list[Function], code: Code) -> Iterator[str]:
    """What the analysis does not understand."""
    for path, calls in code.calls.items():
        yield from (f"{path}: which action {call} needs is not said" for call in sorted(calls) if call not in ACTIONS)
        if not any(path in function.reached for function in found):
            yield f"{path}: {', '.join(sorted(calls))}: no function reaches it"
    used = {claim for function in found for _, claim in function.reasons}
    for claim in CLAIMS:
        if claim.by not in (*BY_LAMBDA, CALLED) and claim not in used:
            yield f"{claim.by}: the claim for {', '.join(claim.actions)} on {claim.resource} is not used"
    for name, holder, action in NOT_GIVEN:
        concerned = [function for function in found if name in ("*", function.name) and holder in function.reached]
        given = [grant for function in concerned for grant, claim in function.reasons if claim.by == holder]
        if not concerned or action in {grant.action for grant in given} or action not in actions_of(code, holder):
            yield f"{holder}: {action} is said not to be given, and that is not so"


def problems(found: list[Function], code: Code) -> list[str]:
    listed = [problem for function in found for problem in check_grants(function, code)]
    listed += [problem for function in found for problem in check_calls(function, code)]
    return [*listed, *check_code(found, code)]


def rows(function: Function) -> list[tuple[str, ...]]:
    """The lines of a function's table, each action and each resource that differ in nothing else side by side."""
    by_resource: dict[tuple, list[str]] = {}
    for grant, claim in function.reasons:
        by = f"`{claim.by}`" if "::" in claim.by else claim.by
        key = (f"`{grant.resource}`", " and ".join(grant.when), by, claim.why)
        by_resource.setdefault(key, []).append(f"`{grant.action}`")
    by_actions: dict[tuple, list[str]] = {}
    for (resource, *rest), actions in by_resource.items():
        by_actions.setdefault((", ".join(actions), *rest), []).append(resource)
    return [(actions, ", ".join(on), *rest) for (actions, *rest), on in by_actions.items()]


def rendered(found: list[Function]) -> str:
    """The document: a table for each set of functions that have something in common, the largest first."""
    having: dict[tuple[str, ...], list[Function]] = {}
    for function in found:
        for row in rows(function):
            having.setdefault(row, []).append(function)
    sections: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row, those in having.items():
        sections.setdefault(tuple(function.binary for function in those), []).append(row)
    lines = [INTRODUCTION]
    rule = "|---|---|---|---|"
    for binaries, table in sorted(sections.items(), key=lambda section: -len(section[0])):
        title = "every function" if len(binaries) == len(found) else ", ".join(f"`{binary}`" for binary in binaries)
        lines += [f"## {title}", "", "| may | on | when | used by | why |", f"{rule}---|"]
        lines += [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in table]
        lines.append("")
    lines += ["## What the code could ask for and is not given", "", "| function | used by | action | why not |", rule]
    named = {function.name: f"`{function.binary}`" for function in found} | {"*": "each"}
    for (name, holder, action), why in NOT_GIVEN.items():
        lines.append(f"| {named[name]} | `{holder}` | `{action}` | {why} |")
    return "\n".join(lines) + "\n"


INTRODUCTION = """# What each function may do in AWS

Made by `.ci/permissions --write` from `template.yaml` and the code. `.ci/permissions` refuses a permission that its function
does not use, and a call of AWS that its function may not make. A function has the rows of every table that names it; an
action that two things need has a row for each.

Names in braces are parameters and resources of the template; `..` in the ARN of a topic or a group is the rest of the
cluster's. *When* names conditions of the template. *Used by* is a place in the code, without the shared crate's name, or
Lambda itself, which acts with the function's role.

Functions may not list the buckets that archives come from, so S3 answers 403 for an object that is missing there.
"""
