"""Translates the SAM template to CloudFormation with AWS's own translator."""

import json
import logging
import os
import re

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# The translator needs the partition of a region. It uses no network.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
# It warns that it cannot send its own metrics.
logging.disable(logging.WARNING)


class ManagedPolicies:
    """The managed policies that SAM may add by itself. A role with one of these is not ours."""

    def load(self):
        names = ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole")
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in names}


def translate(text, parameters=None):
    """The template as plain CloudFormation. It treats local code as uploaded."""
    source = yaml_parse(text)
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://bucket/{name}.zip"
    return json.loads(json.dumps(transform(source, parameters or {}, ManagedPolicies())))


def settled(template, **given):
    """The template as deployed with these parameters: conditions are resolved, references become text."""
    values = {name: str(it.get("Default", "")) for name, it in template["Parameters"].items()} | given
    conditions = template.get("Conditions", {})
    nothing = object()

    def holds(condition):
        ((function, operand),) = condition.items()
        match function:
            case "Condition":
                return holds(conditions[operand])
            case "Fn::Equals":
                return plain(operand[0]) == plain(operand[1])
            case "Fn::Not":
                return not holds(operand[0])
            case "Fn::And":
                return all(map(holds, operand))
        raise ValueError(f"{function} is not supported here")

    def plain(value):
        return values[value["Ref"]] if isinstance(value, dict) else str(value)

    def text(value):
        if isinstance(value, list):
            return [it for it in map(text, value) if it is not nothing]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Fn::If": [name, then, otherwise]}:
                return text(then if holds(conditions[name]) else otherwise)
            case {"Ref": "AWS::NoValue"}:
                return nothing
            case {"Ref": name}:
                return values.get(name, f"${{{name}}}")
            case {"Fn::GetAtt": path}:
                return f"${{{'.'.join(path)}}}"
            case {"Fn::Sub": pattern}:
                return re.sub(r"\$\{(\w+)\}", lambda it: values.get(it[1], it[0]), pattern)
            case {"Fn::Split": [separator, joined]}:
                return text(joined).split(separator)
        settled = {key: text(it) for key, it in value.items()}
        return {key: it for key, it in settled.items() if it is not nothing}

    resources = {
        name: text({key: it for key, it in resource.items() if key != "Condition"})
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds(conditions[resource["Condition"]])
    }
    outputs = {name: text(it["Value"]) for name, it in template["Outputs"].items()}
    return {"Resources": resources, "Outputs": outputs}


def refusal(template, **given):
    """The error of CloudFormation for these parameters before it deploys. None when they are valid."""
    values = {}
    for name, parameter in template["Parameters"].items():
        value = values[name] = str(given.get(name, parameter.get("Default", "")))
        allowed = parameter.get("AllowedValues")
        if allowed and value not in map(str, allowed):
            return f"{name} is not one of the allowed values"
        if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value):
            return parameter["ConstraintDescription"]
        if len(value) > parameter.get("MaxLength", 4096):
            return f"{name} is too long"
        if parameter["Type"] == "Number":
            low, high = parameter.get("MinValue", float("-inf")), parameter.get("MaxValue", float("inf"))
            if not low <= float(value) <= high:
                return f"{name} is out of range"

    def holds(condition):
        ((function, operand),) = condition.items()
        match function:
            case "Fn::Equals":
                left, right = (values[it["Ref"]] if isinstance(it, dict) else it for it in operand)
                return left == right
            case "Fn::Not":
                return not holds(operand[0])
            case "Fn::Contains":
                return values[operand[1]["Ref"]] in operand[0]
        raise ValueError(f"{function} is not supported here")

    for rule in template["Rules"].values():
        if holds(rule["RuleCondition"]):
            for assertion in rule["Assertions"]:
                if not holds(assertion["Assert"]):
                    return assertion["AssertDescription"]
    return None
