"""The register of rules, and those about who may do what."""

import re
from collections.abc import Callable, Iterator

from stack import Stack, at, items, referred, statements, texts

Rule = Callable[[Stack], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Registers a rule, which yields what is wrong, the resource first. Its faults are `policy-fixtures/<name>.yaml`."""

    def register(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return register


# Actions that AWS offers no narrower resource for, and why.
ANY_RESOURCE = {
    "ec2:DescribeNetworkInterfaces": "EC2 describes all or nothing",
    "ec2:DescribeSubnets": "EC2 describes all or nothing",
    "ec2:DescribeSecurityGroups": "EC2 describes all or nothing",
    "ec2:DescribeVpcs": "EC2 describes all or nothing",
    "ec2:CreateNetworkInterface": "an interface has no name yet, and a shared subnet is another account's",
    "ec2:DeleteNetworkInterface": "Lambda checks it on all of the account before an interface has a name",
    "ec2:AssignPrivateIpAddresses": "Lambda checks it on all of the account before an interface has a name",
    "ec2:UnassignPrivateIpAddresses": "Lambda checks it on all of the account before an interface has a name",
    "xray:PutTraceSegments": "X-Ray has no resources for traces",
    "xray:PutTelemetryRecords": "X-Ray has no resources for traces",
    "cloudwatch:PutMetricData": "CloudWatch has no resources for metrics; a condition can name the namespace",
}


# `*`, and an ARN that names nothing behind the account but a type. S3 has buckets in the place of types.
ANYTHING = re.compile(r"(arn:([^:]*:){4})?[*/:]*\*|arn:[^:]*:(?!s3:)([^:]*:){3}[a-z-]+[:/]\*")


def allowing(stack: Stack) -> Iterator[tuple[str, dict]]:
    """Every statement that allows something. A key's own policy says `*` and means that key, so it is left out."""
    for name, resource in stack.resources.items():
        if resource["Type"] == "AWS::KMS::Key":
            continue
        for statement in statements(resource.get("Properties", {})):
            if statement.get("Effect") != "Deny":
                yield name, statement


def actions(statement: dict) -> list[str]:
    return [text for action in items(statement.get("Action")) for text in texts(action)]


@rule("wildcard-resource")
def wildcard_resource(stack: Stack) -> Iterator[str]:
    for name, statement in allowing(stack):
        resources = [text for value in items(statement.get("Resource")) for text in texts(value)]
        if any(ANYTHING.fullmatch(text) for text in resources):
            for action in actions(statement):
                if action not in ANY_RESOURCE:
                    yield f"{name}: {action} on any resource"


@rule("wildcard-action")
def wildcard_action(stack: Stack) -> Iterator[str]:
    for name, statement in allowing(stack):
        yield from (f"{name}: {action} is many actions" for action in actions(statement) if "*" in action or "?" in action)


@rule("inverted-statement")
def inverted_statement(stack: Stack) -> Iterator[str]:
    for name, statement in allowing(stack):
        for key in ("NotAction", "NotResource", "NotPrincipal"):
            if key in statement:
                yield f"{name}: {key} allows what nobody has thought of"


@rule("public-principal")
def public_principal(stack: Stack) -> Iterator[str]:
    for name, resource in stack.resources.items():
        for statement in statements(resource.get("Properties", {})):
            if statement.get("Effect") == "Deny":
                continue
            for principal in items(statement.get("Principal")):
                kinds = principal.values() if isinstance(principal, dict) else [principal]
                if any(text == "*" for kind in kinds for item in items(kind) for text in texts(item)):
                    yield f"{name}: everybody may"


@rule("managed-policy")
def managed_policy(stack: Stack) -> Iterator[str]:
    for name, resource in stack.resources.items():
        found = re.findall(r":iam::aws:policy/[\w/-]+", str(resource))
        yield from (f"{name}: {policy} is AWS's, and grows" for policy in found)


@rule("trust")
def trust(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::IAM::Role"):
        for statement in statements(properties.get("AssumeRolePolicyDocument", {})):
            for principal in items(statement.get("Principal")):
                if not isinstance(principal, dict) or set(principal) != {"Service"}:
                    yield f"{name}: another than a service of AWS may assume it"


@rule("permission-source")
def permission_source(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::Lambda::Permission"):
        arns = at(properties, "SourceArn")
        accounts = at(properties, "SourceAccount")
        if None in arns and None in accounts:
            yield f"{name}: any account's {'/'.join(texts(properties.get('Principal')))} may invoke"
        if any(text == "*" for value in at(properties, "Principal") for text in texts(value)):
            yield f"{name}: everybody may invoke"


# Variables whose names sound like secrets hold where one is, never the secret.
SOUNDS_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|PRIVATE|AUTHORITY|(^|_)KEYS?(_|$)")
SECRET_SOURCE = re.compile(r"(secretsmanager|kms):\{\w+\}|arn:\S+|\{[\w.]*Arn\}|\{\w*Secret\}|")


@rule("plain-secret")
def plain_secret(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::Lambda::Function"):
        for variables in at(properties, "Environment", "Variables"):
            for variable, value in (variables or {}).items():
                for text in texts(value):
                    hidden = stack.parameters.get(text.strip("{}"), {}).get("NoEcho")
                    if "{{resolve:" in text or hidden:
                        yield f"{name}: {variable} shows a secret to whoever sees the function"
                    elif SOUNDS_SECRET.search(variable) and not SECRET_SOURCE.fullmatch(text):
                        yield f"{name}: {variable} is not the place of a secret"
    for name, properties in stack.of_type("AWS::SecretsManager::Secret"):
        if any(value is not None for value in at(properties, "SecretString")):
            yield f"{name}: its text stands in the template"


@rule("route-authorizer")
def route_authorizer(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::ApiGatewayV2::Route"):
        if set(texts(properties.get("RouteKey"))) <= set(PUBLIC_ROUTES):
            continue
        for kind in at(properties, "AuthorizationType"):
            if kind in (None, "NONE"):
                yield f"{name}: anybody may ask"
            elif kind != "AWS_IAM" and any(
                not stack.is_a(referred(authorizer), "AWS::ApiGatewayV2::Authorizer")
                for authorizer in at(properties, "AuthorizerId")
            ):
                yield f"{name}: no authorizer of this stack looks at the token"
    for name, properties in stack.of_type("AWS::Lambda::Url"):
        if any(kind != "AWS_IAM" for kind in at(properties, "AuthType")):
            yield f"{name}: anybody may ask"


# What anybody may ask for, and why.
PUBLIC_ROUTES = {"ANY /candlepin/openapi.json": "the description of the API, the same for everybody"}
