"""Rules about functions, what invokes them, and their HTTP APIs."""

from collections import Counter
from collections.abc import Iterator

from policy import rule
from stack import Stack, at, items, referred, texts, variants

# In seconds. A Kafka mapping allows less than a function may have.
LONGEST = 900
LONGEST_OF_KAFKA = 840
LONGEST_AGE = 604_800
MOST_RETRIES = 10_000
RUNTIME = "provided.al2023"
# Functions that are not of this repository's Rust, and their runtimes.
OTHER_RUNTIMES = {"Hand": {"python3.13"}}  # The sandbox's own: nothing to build, and no record passes through it.
ARCHITECTURES = {"arm64", "x86_64"}
# Where the records come from, and where the consumer group is said with that.
KAFKA_SOURCES = {
    "EventSourceArn": "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedEventSource": "SelfManagedKafkaEventSourceConfig",
}


def functions(stack: Stack) -> list[tuple[str, dict]]:
    return stack.of_type("AWS::Lambda::Function")


def shared(names: list[str | None]) -> set[str | None]:
    return {name for name, count in Counter(names).items() if count > 1}


def own_resource(stack: Stack, kind: str, *path: str) -> Iterator[str]:
    """The functions that have no resource of some type to themselves."""
    owned = {name: [referred(value) for value in at(it, *path)] for name, it in functions(stack)}
    twice = shared([resource for resources in owned.values() for resource in set(resources)])
    for name, resources in owned.items():
        if any(resource in twice or not stack.is_a(resource, kind) for resource in resources):
            yield name


@rule("function-role")
def function_role(stack: Stack) -> Iterator[str]:
    found = own_resource(stack, "AWS::IAM::Role", "Role")
    yield from (f"{name}: it has no role of its own that is written out" for name in found)


@rule("function-logs")
def function_logs(stack: Stack) -> Iterator[str]:
    found = own_resource(stack, "AWS::Logs::LogGroup", "LoggingConfig", "LogGroup")
    yield from (f"{name}: it has no log group of its own" for name in found)


@rule("function-timeout")
def function_timeout(stack: Stack) -> Iterator[str]:
    of_kafka = {stack.function_named_by(mapping.get("FunctionName")) for _, mapping in stack.kafka_mappings()}
    for name, properties in functions(stack):
        longest = LONGEST_OF_KAFKA if name in of_kafka else LONGEST
        for value in at(properties, "Timeout"):
            least, most = stack.bounds(value)
            if least < 1 or most > longest:
                yield f"{name}: its time-out may be outside 1 to {longest} s"


@rule("function-runtime")
def function_runtime(stack: Stack) -> Iterator[str]:
    for name, properties in functions(stack):
        runtimes = OTHER_RUNTIMES.get(name, {RUNTIME})
        if any(value not in runtimes for value in at(properties, "Runtime")):
            yield f"{name}: it does not run on {' or '.join(runtimes)}"
        for value in at(properties, "Architectures"):
            if not items(value) or any(not stack.choices(item) <= ARCHITECTURES for item in items(value)):
                yield f"{name}: its architecture is not said"


@rule("function-network")
def function_network(stack: Stack) -> Iterator[str]:
    for name, properties in functions(stack):
        variables = [key for it in at(properties, "Environment", "Variables") for key in it or {}]
        if not any(variable.startswith("DATABASE_") for variable in variables):
            continue
        for key in ("SubnetIds", "SecurityGroupIds"):
            if any(value in (None, []) for value in at(properties, "VpcConfig", key)):
                yield f"{name}: it talks to the database and has no {key}"


@rule("mapping-destination")
def mapping_destination(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        for target in at(mapping, "DestinationConfig", "OnFailure", "Destination"):
            # A queue or a topic would get the places of the records, not the records.
            if not stack.is_a(referred(target), "AWS::S3::Bucket"):
                yield f"{name}: what fails does not go to a bucket of the stack"


@rule("mapping-retries")
def mapping_retries(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        for value in at(mapping, "MaximumRetryAttempts"):
            least, most = stack.bounds(value)
            if least < 0 or most > MOST_RETRIES:
                yield f"{name}: it may retry for ever"


@rule("mapping-age")
def mapping_age(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        for value in at(mapping, "MaximumRecordAgeInSeconds"):
            least, most = stack.bounds(value)
            if least < 60 or most > LONGEST_AGE:
                yield f"{name}: it may hold on to a record for ever"


@rule("mapping-partial-response")
def mapping_partial_response(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        if any(value != ["ReportBatchItemFailures"] for value in at(mapping, "FunctionResponseTypes")):
            yield f"{name}: one failed record fails its batch"


@rule("mapping-bisect")
def mapping_bisect(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        if any(value is not True for value in at(mapping, "BisectBatchOnFunctionError")):
            yield f"{name}: a record that crashes the function takes its batch along"


@rule("mapping-pollers")
def mapping_pollers(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        for key in ("MinimumPollers", "MaximumPollers"):
            for value in at(mapping, "ProvisionedPollerConfig", key):
                least, most = stack.bounds(value)
                # Without them Lambda ignores retries, age, bisection and partial responses of Kafka.
                if least < 1 or most > 2000:
                    yield f"{name}: {key} is not said or not bounded"


@rule("mapping-group")
def mapping_group(stack: Stack) -> Iterator[str]:
    groups = {}
    for name, mapping in stack.kafka_mappings():
        groups[name] = set()
        for source, config in KAFKA_SOURCES.items():
            for variant in variants(mapping, source, config):
                group = (variant[config] or {}).get("ConsumerGroupId")
                if variant[source] is not None and group is None:
                    yield f"{name}: its consumer group is not said"
            groups[name] |= {text for value in at(mapping, config, "ConsumerGroupId") for text in texts(value)}
    twice = shared([group for texts_of in groups.values() for group in texts_of])
    yield from (f"{name}: another mapping has its consumer group" for name, found in groups.items() if found & twice)


@rule("mapping-start")
def mapping_start(stack: Stack) -> Iterator[str]:
    for name, mapping in stack.kafka_mappings():
        for value in at(mapping, "StartingPosition"):
            if not stack.choices(value) <= {"TRIM_HORIZON", "AT_TIMESTAMP"}:
                yield f"{name}: records may be lost while it is being made"


@rule("asynchronous-retries")
def asynchronous_retries(stack: Stack) -> Iterator[str]:
    """An event that cannot be delivered to a function would otherwise be tried for a day."""
    for name, properties in stack.of_type("AWS::Events::Rule"):
        for target in items(properties.get("Targets")):
            to_function = any(stack.function_named_by(arn) for arn in at(target, "Arn"))
            if to_function and None in at(target, "RetryPolicy", "MaximumRetryAttempts"):
                yield f"{name}: how often it tries is not said"


@rule("api-access-logs")
def api_access_logs(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::ApiGatewayV2::Stage"):
        for target in at(properties, "AccessLogSettings", "DestinationArn"):
            if not stack.is_a(referred(target), "AWS::Logs::LogGroup"):
                yield f"{name}: nobody sees who asks"


@rule("api-throttling")
def api_throttling(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::ApiGatewayV2::Stage"):
        for key in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            for value in at(properties, "DefaultRouteSettings", key):
                least, most = stack.bounds(value)
                if least < 1 or most > 10_000:
                    yield f"{name}: {key} is not said or not bounded"
