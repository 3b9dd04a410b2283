"""The template as the checks use it."""

from samtranslator.yaml_helper import yaml_parse
from translate import settled, translate

VPC = {"VpcEnabled": "true", "VpcId": "vpc-0123456789abcdef0", "SubnetIds": "subnet-01234567,subnet-89abcdef"}


class Template:
    def __init__(self, text):
        self.text = text
        self.source = yaml_parse(text)
        self.translated = translate(text)

    def resources(self, **parameters):
        return settled(self.translated, **parameters)["Resources"]


def equal(actual, expected):
    if actual == expected:
        return
    if isinstance(actual, set) and isinstance(expected, set):
        missing, more = sorted(expected - actual), sorted(actual - expected)
        raise AssertionError(f"missing {missing}, unexpected {more}")
    raise AssertionError(f"{actual!r} is not {expected!r}")
