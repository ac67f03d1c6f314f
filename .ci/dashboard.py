"""operations.yaml as CloudFormation would see it: its intrinsics resolved, its dashboard's widgets, the metrics it names."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gates import ROOT, read_template

OPERATIONS = ROOT / "operations.yaml"
NOTHING = object()

# A stack of which everything is on. Thresholds and sizes are the defaults of template.yaml.
EVERYTHING = {
    "StackName": "longshore",
    "Namespace": "Longshore",
    "Dashboard": "true",
    "Alarms": "true",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:operators",
    "FailureBucket": "longshore-failures",
    "MskClusterArn": "arn:aws:kafka:eu-west-1:123456789012:cluster/platform/0b1c",
    "UploadTopic": "platform.upload.catalog",
    "PersisterTopic": "platform.catalog.persister",
    "ConsumerGroup": "longshore-tower",
    "ManifestTopic": "platform.upload.candlepin",
    "ManifestConsumerGroup": "longshore-candlepin",
    "ExportTopic": "longshore.exports",
    "ExportConsumerGroup": "longshore-exports",
    "EventPublisher": "longshore-event-publisher",
    "IamApiId": "a1b2c3",
    "JwtApiId": "d4e5f6",
    "DatabaseIdentifier": "inventory",
    "MemorySize": 512,
    "ManifestMemorySize": 1024,
    "ExportMemorySize": 512,
    "RejectedAlarmRecords": 1,
    "LagAlarmRecords": 1000,
    "LagAlarmSeconds": 3600,
    "OutboxAlarmSeconds": 300,
    "ErrorAlarmPercent": 5,
}
# The same with all that can be left out left out.
LEAST = EVERYTHING | {
    "Alarms": "false", "AlarmTopicArn": "", "MskClusterArn": "", "PersisterTopic": "", "EventPublisher": "",
    "IamApiId": "", "JwtApiId": "", "DatabaseIdentifier": "",
}  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """A metric that is named somewhere. A dimension without values is one whose values are all taken."""

    where: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]


class Stack:
    """A template with values for its parameters."""

    def __init__(self, template: dict, parameters: dict):
        self.template = template
        self.names = parameters | {"AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}

    def holds(self, condition: object) -> bool:
        if isinstance(condition, str):
            return self.holds(self.template["Conditions"][condition])
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self.holds(argument)
            case "Fn::Equals":
                return self.resolve(argument[0]) == self.resolve(argument[1])
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(part) for part in argument)
            case "Fn::Or":
                return any(self.holds(part) for part in argument)
        raise ValueError(f"no condition is known as {function}")

    def resolve(self, value: object) -> object:
        """A value of the template without its intrinsics."""
        if isinstance(value, list):
            return [kept for part in value if (kept := self.resolve(part)) is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self.call(function, argument)
        return {key: kept for key, part in value.items() if (kept := self.resolve(part)) is not NOTHING}

    def call(self, function: str, argument: object) -> object:
        match function:
            case "Ref":
                return NOTHING if argument == "AWS::NoValue" else self.name(argument)
            case "Fn::If":
                return self.resolve(argument[1 if self.holds(argument[0]) else 2])
            case "Fn::Sub":
                return self.substitute(argument)
            case "Fn::Select":
                return self.resolve(argument[1])[int(argument[0])]
            case "Fn::Split":
                return self.resolve(argument[1]).split(argument[0])
            case "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            case "Fn::GetAtt":
                return self.attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
        raise ValueError(f"no intrinsic is known as {function}")

    def substitute(self, argument: object) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def replaced(found: re.Match) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            return str(self.resolve(given[name]) if name in given else self.name(name))

        return re.sub(r"\$\{([^}]+)\}", replaced, text)

    def name(self, name: str) -> object:
        if name in self.names:
            return self.names[name]
        return self.attribute(*name.split(".", 1)) if "." in name else self.attribute(name, "Ref")

    def attribute(self, resource: str, attribute: str) -> str:
        """A sample of what CloudFormation would put there."""
        properties = self.template["Resources"][resource]["Properties"]
        if attribute in properties:
            return self.resolve(properties[attribute])
        named = self.resolve(properties.get("AlarmName", resource))
        return f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{named}" if "AlarmName" in properties else resource

    def resources(self, kind: str) -> dict[str, dict]:
        """The properties of the resources of a type that there are."""
        return {
            name: self.resolve(resource["Properties"])
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind and ("Condition" not in resource or self.holds(resource["Condition"]))
        }

    def widgets(self) -> list[dict]:
        (dashboard,) = self.resources("AWS::CloudWatch::Dashboard").values()
        return json.loads(dashboard["DashboardBody"])["widgets"]

    def alarms(self) -> dict[str, dict]:
        return self.resources("AWS::CloudWatch::Alarm")

    def metrics(self) -> Iterator[Metric]:
        """Every metric that a widget or an alarm names."""
        for widget in self.widgets():
            where = f"widget {widget['properties'].get('title', 'text')}"
            for row in widget["properties"].get("metrics", []):
                yield from metrics_of_row(where, row)
        for name, alarm in self.alarms().items():
            for part in [alarm, *(part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part)]:
                if "MetricName" in part:
                    dimensions = tuple((pair["Name"], (str(pair["Value"]),)) for pair in part.get("Dimensions", []))
                    yield Metric(f"alarm {name}", part["Namespace"], part["MetricName"], dimensions)


def metrics_of_row(where: str, row: list) -> Iterator[Metric]:
    if isinstance(row[0], dict):
        for schema, query in re.findall(r"SEARCH\('\{([^}]*)\}([^']*)'", row[0]["expression"]):
            namespace, *keys = (part.strip().strip('"') for part in schema.split(","))
            (name,) = re.findall(r'MetricName="([^"]+)"', query)
            wanted = {key: tuple(re.findall(r'"([^"]+)"', values)) for key, values in re.findall(r'(\w+)=(\([^)]*\)|"[^"]*")', query)}
            yield Metric(where, namespace, name, tuple((key, wanted.get(key, ())) for key in keys))
        return
    namespace, name, *pairs = (part for part in row if isinstance(part, str))
    yield Metric(where, namespace, name, tuple((key, (value,)) for key, value in zip(pairs[::2], pairs[1::2], strict=True)))


def read(path: Path = OPERATIONS) -> dict:
    return read_template(path.read_text())
