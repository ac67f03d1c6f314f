"""Rules about what is kept and sent: encrypted, not public, not for ever."""

import math
from collections.abc import Iterator

from policy import rule
from stack import Stack, at, items, referred, statements, texts, variants


def without(stack: Stack, kinds: tuple[str, ...], *path: str) -> Iterator[str]:
    """The resources of some types where a property is missing or off in some branch."""
    for name, properties in stack.of_type(*kinds):
        if any(value in (None, False, "false", "") for value in at(properties, *path)):
            yield name


@rule("bucket-encryption")
def bucket_encryption(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::S3::Bucket"):
        for rules in at(properties, "BucketEncryption", "ServerSideEncryptionConfiguration"):
            algorithms = [it for r in items(rules) for it in at(r, "ServerSideEncryptionByDefault", "SSEAlgorithm")]
            if not algorithms or None in algorithms:
                yield f"{name}: objects are not said to be encrypted"


@rule("bucket-tls")
def bucket_tls(stack: Stack) -> Iterator[str]:
    guarded = set()
    for _, properties in stack.of_type("AWS::S3::BucketPolicy"):
        bucket = referred(properties.get("Bucket"))
        whole = {f"{{{bucket}}}", f"{{{bucket}}}/*"}
        for statement in statements(properties):
            covered = {text for item in items(statement.get("Resource")) for text in texts(item)}
            if denies_plain_http(statement, "s3:*") and whole <= covered:
                guarded.add(bucket)
    for name, _ in stack.of_type("AWS::S3::Bucket"):
        if name not in guarded:
            yield f"{name}: takes requests without TLS"


def denies_plain_http(statement: dict, action: str) -> bool:
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    return (
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and items(statement.get("Action")) == [action]
        and statement.get("Condition") in (plain, {"Bool": {"aws:SecureTransport": False}})
    )


@rule("bucket-public-access")
def bucket_public_access(stack: Stack) -> Iterator[str]:
    for block in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        found = without(stack, ("AWS::S3::Bucket",), "PublicAccessBlockConfiguration", block)
        yield from (f"{name}: {block} is off" for name in found)


@rule("bucket-life-cycle")
def bucket_life_cycle(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::S3::Bucket"):
        for rules in at(properties, "LifecycleConfiguration", "Rules"):
            if not any(at(r, "Status") == ["Enabled"] and None not in at(r, "ExpirationInDays") for r in items(rules)):
                yield f"{name}: objects stay for ever"


@rule("queue-encryption")
def queue_encryption(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::SQS::Queue"):
        both = variants(properties, "KmsMasterKeyId", "SqsManagedSseEnabled")
        if any(it["KmsMasterKeyId"] is None and it["SqsManagedSseEnabled"] is not True for it in both):
            yield f"{name}: messages are not said to be encrypted"


@rule("queue-dead-letters")
def queue_dead_letters(stack: Stack) -> Iterator[str]:
    mappings = stack.of_type("AWS::Lambda::EventSourceMapping")
    read = {referred(source) for _, mapping in mappings for source in at(mapping, "EventSourceArn")}
    for name, properties in stack.of_type("AWS::SQS::Queue"):
        if name not in read or name in NO_DEAD_LETTERS:
            continue
        if None in at(properties, "RedrivePolicy", "deadLetterTargetArn"):
            yield f"{name}: what cannot be handled is lost"


# Queues of functions whose messages may be lost, and why.
NO_DEAD_LETTERS = {"WakeQueue": "its messages say nothing, and a schedule does without them"}


@rule("log-retention")
def log_retention(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::Logs::LogGroup"):
        for days in at(properties, "RetentionInDays"):
            if stack.bounds(days)[1] == math.inf:
                yield f"{name}: lines stay for ever"


@rule("topic-encryption")
def topic_encryption(stack: Stack) -> Iterator[str]:
    found = without(stack, ("AWS::SNS::Topic",), "KmsMasterKeyId")
    yield from (f"{name}: messages are not encrypted" for name in found)


@rule("database-encryption")
def database_encryption(stack: Stack) -> Iterator[str]:
    clusters = [name for name, _ in stack.of_type("AWS::RDS::DBCluster")]
    found = without(stack, ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster"), "StorageEncrypted")
    for name in found:
        # An instance of a cluster has the cluster's storage.
        cluster = referred(stack.resources[name].get("Properties", {}).get("DBClusterIdentifier"))
        if cluster not in clusters:
            yield f"{name}: its storage is not encrypted"


@rule("database-access")
def database_access(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::RDS::DBInstance"):
        if any(value is not False for value in at(properties, "PubliclyAccessible")):
            yield f"{name}: it is not said to be private"
    found = without(stack, ("AWS::RDS::DBProxy",), "RequireTLS")
    yield from (f"{name}: takes connections without TLS" for name in found)
    for name, properties in stack.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster"):
        # RDS can make and rotate the password itself.
        if any(value is not None for value in at(properties, "MasterUserPassword")):
            yield f"{name}: its password passes through the template"


@rule("broker-encryption")
def broker_encryption(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::MSK::Cluster"):
        if any(value != "TLS" for value in at(properties, "EncryptionInfo", "EncryptionInTransit", "ClientBroker")):
            yield f"{name}: clients may talk to it without TLS"


@rule("key-rotation")
def key_rotation(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::KMS::Key"):
        symmetric = at(properties, "KeySpec") in ([None], ["SYMMETRIC_DEFAULT"])
        if symmetric and any(value is not True for value in at(properties, "EnableKeyRotation")):
            yield f"{name}: it is never rotated"


