"""Why a function may do something: which call of its code needs it, or what Lambda does with the function's role."""

import re
from dataclasses import dataclass

# What a call needs, as IAM calls it. A call that is not here is refused.
ACTIONS = {
    "s3.get_object": ["s3:GetObject"],
    "s3.head_object": ["s3:GetObject"],
    "s3.list_objects_v2": ["s3:ListBucket"],
    "s3.put_object": ["s3:PutObject"],
    "s3.create_multipart_upload": ["s3:PutObject"],
    "s3.upload_part": ["s3:PutObject"],
    "s3.complete_multipart_upload": ["s3:PutObject"],
    "s3.abort_multipart_upload": ["s3:AbortMultipartUpload"],
    "sqs.send_message": ["sqs:SendMessage"],
    "secretsmanager.get_secret_value": ["secretsmanager:GetSecretValue"],
    "kms.decrypt": ["kms:Decrypt"],
    "signed rds-db": ["rds-db:connect"],
    "signed lambda": ["lambda:InvokeFunction"],
    "signed kafka-cluster": [
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:WriteData",
        "kafka-cluster:WriteDataIdempotently",
    ],
}

# What Lambda does with a function's role, by what the function has: it is no reason where the function lacks that.
NETWORK = "Lambda, for its network"
LOGS = "Lambda, for its logs"
KAFKA = "Lambda, for its Kafka mapping"
QUEUE = "Lambda, for its queue"
TRACES = "Lambda, for its traces"
BY_LAMBDA = (NETWORK, LOGS, KAFKA, QUEUE, TRACES)
# A service that the function calls decrypts with the rights of its caller.
CALLED = "the services named"


@dataclass(frozen=True)
class Claim:
    """A reason for some actions on a resource, as the table shows it."""

    actions: tuple[str, ...]
    resource: str
    by: str
    why: str
    # The variables that tell the function of the resource: it must be one of those that they name.
    told: tuple[str, ...] = ()

    def covers(self, action: str, resource: str) -> bool:
        return action in self.actions and re.fullmatch(self.resource, resource) is not None


CLAIMS = [
    # The database, for every function.
    Claim(
        ("secretsmanager:GetSecretValue",),
        r"\{\w*DatabaseSecretArn\}",
        "db::connect::Connector",
        "logs in to the database, and again after a rotation",
        ("DATABASE_SECRET_ARN",),
    ),
    Claim(
        ("rds-db:connect",),
        r"arn:aws:rds-db:<region>:<account>:dbuser:\{DatabaseResourceId\}/\{\w*DatabaseUser\}",
        "db::connect::Connector",
        "logs in to the database without a password",
        ("DATABASE_USER",),
    ),
    # Records.
    Claim(
        ("s3:GetObject",),
        r"\{(Archive|Manifest)ObjectArns\}",
        "fetch::transfer::Fetcher",
        "downloads what a record announces",
    ),
    Claim(
        ("s3:PutObject",),
        r"arn:aws:s3:::\{(FailureBucket|RejectionBucket)\}/\{RejectionPrefix\}/\*",
        "kafka::reject::Rejections",
        "keeps a record that can never succeed",
        ("LONGSHORE_REJECTION_TARGET",),
    ),
    Claim(
        ("sqs:SendMessage",),
        r"\{RejectionQueueArn\}",
        "kafka::reject::Rejections",
        "keeps a record that can never succeed",
        ("LONGSHORE_REJECTION_TARGET",),
    ),
    # Events.
    Claim(
        ("sqs:SendMessage",),
        r"\{WakeQueue\}",
        "outbox::wake::Wakeup",
        "wakes the publisher",
        ("LONGSHORE_WAKE_QUEUE",),
    ),
    Claim(
        ("kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"),
        r"\{MskClusterArn\}",
        "event_publisher::client::connect",
        "logs in to the cluster, to write each message once",
    ),
    Claim(
        ("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"),
        r"\{MskClusterArn\}:topic/\.\./\{\w+Topic\}",
        "event_publisher::client::connect",
        "writes messages",
        ("LONGSHORE_EVENTS_TOPIC", "LONGSHORE_PAYLOAD_STATUS_TOPIC", "LONGSHORE_VALIDATION_TOPIC"),
    ),
    Claim(
        ("secretsmanager:GetSecretValue",),
        r"\{(MskScram|SelfManagedKafka)SecretArn\}",
        "event_publisher::client::connect",
        "logs in to the cluster",
        ("LONGSHORE_KAFKA_SECRET_ARN",),
    ),
    # Manifests and exports.
    Claim(
        ("secretsmanager:GetSecretValue",),
        r"\{TrustedCertificateSecretArns\}",
        "candlepin::trust::Trusted",
        "reads whose signatures count",
        ("LONGSHORE_TRUSTED_CERTIFICATES",),
    ),
    Claim(
        ("secretsmanager:GetSecretValue",),
        r"\{KeysSecretArn\}",
        "keyring::source::Keys",
        "reads the keys that private keys are sealed with",
        ("LONGSHORE_KEYS",),
    ),
    Claim(
        ("kms:Decrypt",),
        r"\{KeysKmsKeyArns\}",
        "keyring::source::Keys",
        "decrypts the keys that private keys are sealed with",
    ),
    Claim(
        ("secretsmanager:GetSecretValue",),
        r"\{AuthoritySecretArn\}",
        "hosted::authority::source::Authorities",
        "reads the authority, which issues certificates and signs exports",
        ("LONGSHORE_AUTHORITY",),
    ),
    Claim(
        ("s3:PutObject", "s3:AbortMultipartUpload"),
        r"\{ExportBucket\}/manifests/\*",
        "export::store::Storage",
        "stores an export, and takes back what was not finished",
        ("LONGSHORE_EXPORT_TARGET",),
    ),
    Claim(
        ("s3:GetObject",),
        r"\{ExportBucket\}/manifests/\*",
        "export::store::Storage",
        "signs links: who has one may do what the role may",
        ("LONGSHORE_EXPORT_TARGET",),
    ),
    # Replaying.
    Claim(
        ("s3:ListBucket",),
        r"\{FailureBucket\} where s3:prefix is .+",
        "setup::replay::Setup",
        "finds what is to be replayed",
    ),
    Claim(
        ("s3:GetObject",),
        r"\{FailureBucket\}/(aws/lambda|\{RejectionPrefix\})/\*",
        "setup::replay::Setup",
        "reads what is to be replayed",
    ),
    Claim(
        ("lambda:InvokeFunction",),
        r"arn:aws:lambda:<region>:<account>:function:<stack>-[a-z-]+",
        "replay::invoke::Functions",
        "hands to a function what it has not done",
    ),
    # Lambda itself.
    Claim(("logs:CreateLogStream", "logs:PutLogEvents"), r"\{\w+Logs\}", LOGS, "writes the function's log lines"),
    Claim(
        ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
        r"\*",
        NETWORK,
        "looks for the network; EC2 describes all or nothing. Denied to the function's code",
    ),
    Claim(
        ("ec2:CreateNetworkInterface",),
        r"arn:aws:ec2:<region>:(<account>:network-interface|\*:subnet|\*:security-group)/\*",
        NETWORK,
        "makes network interfaces. Denied to the function's code",
    ),
    Claim(
        ("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
        r"arn:aws:ec2:<region>:<account>:\*/\*",
        NETWORK,
        "keeps network interfaces, which have no names yet. Denied to the function's code",
    ),
    Claim(
        ("kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"),
        r"\{MskClusterArn\}",
        KAFKA,
        "finds the brokers",
    ),
    Claim(
        ("kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"),
        r"\{MskClusterArn\}",
        KAFKA,
        "logs in to the cluster",
    ),
    Claim(("kafka:ListScramSecrets",), r"\{MskClusterArn\}", KAFKA, "checks that the cluster knows the login"),
    Claim(
        ("secretsmanager:GetSecretValue",),
        r"\{(MskScram|SelfManagedKafka|SelfManagedKafkaCa)SecretArn\}",
        KAFKA,
        "logs in to the cluster",
    ),
    Claim(
        ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"),
        r"\{MskClusterArn\}:topic/\.\./\{\w+Topic\}",
        KAFKA,
        "reads the records",
    ),
    Claim(
        ("kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"),
        r"\{MskClusterArn\}:group/\.\./\{\w+Group\}(-persister)?",
        KAFKA,
        "keeps where it is",
    ),
    Claim(
        ("ec2:DescribeVpcs", "ec2:DescribeSecurityGroups"),
        r"\*",
        KAFKA,
        "looks for the cluster's network; EC2 describes all or nothing",
    ),
    Claim(("s3:PutObject",), r"\{FailureBucket\}/aws/lambda/\*", KAFKA, "keeps the batches that it gives up"),
    Claim(("s3:ListBucket",), r"\{FailureBucket\}", KAFKA, "sees that the bucket is there"),
    Claim(
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
        r"\{WakeQueue\}",
        QUEUE,
        "takes what wakes the function",
    ),
    Claim(
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        r"\*",
        TRACES,
        "sends traces, which have no resources",
    ),
    Claim(
        ("kms:Decrypt",),
        r"\{(KmsKeyArns|StackKmsKeyArn)\} through .+",
        CALLED,
        "opens what is encrypted with keys of the account's own",
    ),
    Claim(
        ("kms:GenerateDataKey",),
        r"\{(KmsKeyArns|StackKmsKeyArn)\} through .+",
        CALLED,
        "encrypts what is written with keys of the account's own",
    ),
]

# What code could ask for and is not given, by function ("*": each), code and action, and why that is right.
NOT_GIVEN = {
    ("ManifestExporter", "fetch::transfer::Fetcher", "s3:GetObject"): (
        "the records that ask for exports announce nothing to download"
    ),
    ("*", "hosted::authority::source::Authorities", "kms:Decrypt"): "the template takes the authority as a secret only",
}
