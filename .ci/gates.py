"""What the gates of this folder share: their tools in a virtual environment, and the template as CloudFormation sees it."""

import logging
import os
import subprocess
import sys
import venv
from copy import deepcopy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAM_TOOLS = ROOT / "target" / "tools" / "sam"
SAM_PINS = ["aws-sam-cli==1.170.0", "aws-sam-translator==1.115.0", "cfn-lint==1.58.0"]
REGION = "eu-west-1"
# What SAM uploads when it deploys; any address does for checking.
UPLOADED = {
    "AWS::Serverless::Function": ("CodeUri", "s3://bucket/code.zip"),
    "AWS::Serverless::LayerVersion": ("ContentUri", "s3://bucket/layer.zip"),
    "AWS::Serverless::Application": ("Location", "https://s3.amazonaws.com/bucket/template.yaml"),
}


def install_tools(tools: Path, pins: list[str]) -> Path:
    """The Python of the virtual environment with the pinned tools, which is made when it is not there."""
    stamp = tools / "pins"
    python = tools / "bin" / "python"
    wanted = "\n".join(pins)
    if not stamp.is_file() or stamp.read_text() != wanted or not python.exists():
        print(f"{Path(sys.argv[0]).name}: installing {', '.join(pins)}", file=sys.stderr)
        venv.create(tools, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
        stamp.write_text(wanted)
    return python


def ensure_tools(tools: Path, pins: list[str]) -> None:
    """Continues inside that virtual environment."""
    python = install_tools(tools, pins)
    if Path(sys.prefix).resolve() != tools.resolve():
        os.execv(python, [str(python), *sys.argv])


def read_template(text: str) -> dict:
    """A template as written, its short forms of intrinsics spelt out."""
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(text)


def translate(source: dict) -> tuple[dict, list[str]]:
    """The CloudFormation template that SAM makes of one, and what SAM says against it."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    source = deepcopy(source)
    for resource in source["Resources"].values():
        if resource["Type"] in UPLOADED:
            name, address = UPLOADED[resource["Type"]]
            resource.setdefault("Properties", {})[name] = address
    source.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    parameters = {name: value["Default"] for name, value in source.get("Parameters", {}).items() if "Default" in value}
    os.environ["AWS_DEFAULT_REGION"] = REGION
    # It would complain that nobody collects its metrics.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    try:
        # Every role is written out, so no managed policy has to be looked up by name.
        translator = Translator(managed_policy_map={}, sam_parser=Parser())
        return translator.translate(sam_template=source, parameter_values=parameters), []
    except InvalidDocumentException as refused:
        return {}, [f"translation: {cause.message}" for cause in refused.causes]
