"""What a trial needs and CloudFormation cannot make: topics, a role in the database, a record in a topic.

A custom resource has `Topics` or `Role` among its properties. Invoked by hand: {"topic": "..", "value": {..}}.
"""

import base64
import json
import os
import re
import time
import urllib.request

import boto3
import kafka
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

ATTEMPTS = 10
PAUSE_SECONDS = 15


def handler(event, context):
    if "ResponseURL" not in event:
        value = json.dumps(event["value"]).encode()
        return {"offset": kafka.send(bootstrap(os.environ["CLUSTER"]), token(), event["topic"], value)}
    try:
        answer(event, "SUCCESS", *patiently(make, event))
    except Exception as error:  # An answer that never comes holds the stack up for an hour.
        answer(event, "FAILED", event.get("PhysicalResourceId", "none"), {}, f"{type(error).__name__}: {error}")


def patiently(do, event):
    """Rights that are a moment old are not known everywhere yet, and a database that has stopped must start first."""
    for _ in range(ATTEMPTS - 1):
        try:
            return do(event)
        except (ClientError, OSError, kafka.KafkaError) as error:
            print(json.dumps({"level": "WARN", "message": f"once more: {error}"}))
            time.sleep(PAUSE_SECONDS)
    return do(event)


def make(event) -> tuple[str, dict]:
    """A custom resource's id and attributes. Both go with the cluster and the database, so deleting does nothing."""
    properties = event["ResourceProperties"]
    if event["RequestType"] == "Delete":
        return event["PhysicalResourceId"], {}
    if "Topics" in properties:
        brokers = bootstrap(os.environ["CLUSTER"])
        kafka.create_topics(brokers, token(), properties["Topics"])
        return "topics", {"Brokers": brokers}
    create_role(properties["Role"])
    return properties["Role"], {}


def create_role(role: str) -> None:
    """A role that logs in with IAM and may make Longshore's tables."""
    if not re.fullmatch("[a-z_]{1,63}", role):
        raise ValueError("Role")
    database = os.environ["DATABASE_NAME"]
    for statement in (
        f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        f"GRANT CREATE ON DATABASE {database} TO {role}",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {role}",
        # Last: from PostgreSQL 16 on, who made a role counts as a member of it, and then has no password any more either.
        f"GRANT rds_iam TO {role}",
    ):
        boto3.client("rds-data").execute_statement(
            resourceArn=os.environ["DATABASE"],
            secretArn=os.environ["DATABASE_SECRET"],
            database=database,
            sql=statement,
        )


def bootstrap(cluster: str) -> str:
    brokers = boto3.client("kafka").get_bootstrap_brokers(ClusterArn=cluster)
    return brokers["BootstrapBrokerStringSaslIam"]


def token() -> str:
    """MSK's token: a signed URL, which its brokers present to IAM."""
    session = boto3.Session()
    request = AWSRequest("GET", f"https://kafka.{session.region_name}.amazonaws.com/?Action=kafka-cluster%3AConnect")
    SigV4QueryAuth(session.get_credentials(), "kafka-cluster", session.region_name, expires=900).add_auth(request)
    return base64.urlsafe_b64encode(f"{request.url}&User-Agent=longshore-sandbox".encode()).decode().rstrip("=")


def answer(event, status: str, resource: str, attributes: dict, reason: str = "") -> None:
    body = {
        "Status": status,
        "Reason": reason[:1000],
        "PhysicalResourceId": resource,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": attributes,
    }
    # S3 signed the URL without a content type.
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=30).close()
