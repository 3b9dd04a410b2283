"""Checks of the template for the Serverless Application Repository: scripts/sar-template.mjs."""

import copy

import rights
from template import VPC, equal

OMITTED_PARAMETER = "LogLevel"


def it_is_the_template_without_what_the_repository_may_not_know(variant, template):
    expected = copy.deepcopy(template.source)
    del expected["Rules"]
    del expected["Parameters"][OMITTED_PARAMETER]
    about = expected["Metadata"]["AWS::CloudFormation::Interface"]
    del about["ParameterLabels"][OMITTED_PARAMETER]
    for group in about["ParameterGroups"]:
        group["Parameters"] = [name for name in group["Parameters"] if name != OMITTED_PARAMETER]
    for name in ("LicenseUrl", "ReadmeUrl"):
        application = expected["Metadata"]["AWS::ServerlessRepo::Application"]
        application[name] = f"../{application[name]}"
    for resource in expected["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            del properties["LoggingConfig"]
            properties["CodeUri"] = f"../{properties['CodeUri']}"
    differences = [name for name in {*expected, *variant.source} if expected.get(name) != variant.source.get(name)]
    equal(differences, [])


def its_roles_and_policies_have_the_same_rights(variant, template):
    for parameters in ({}, VPC):
        equal(rights.every_right(variant.resources(**parameters)), rights.every_right(template.resources(**parameters)))
    for check in rights.CHECKS:
        check(variant)


def its_functions_write_to_the_log_groups_of_the_stack(variant, _):
    """Without LoggingConfig a function writes to the group with its name."""
    resources = variant.resources(StackIdentifier="mine")
    for function, group in (
        ("McpFunction", "McpLogs"),
        ("RegistrationFunction", "RegistrationLogs"),
        ("ResourceFunction", "ResourceLogs"),
    ):
        properties = resources[function]["Properties"]
        equal("LoggingConfig" in properties, False)
        equal(resources[group]["Properties"]["LogGroupName"], f"/aws/lambda/{properties['FunctionName']}")


CHECKS = [
    it_is_the_template_without_what_the_repository_may_not_know,
    its_roles_and_policies_have_the_same_rights,
    its_functions_write_to_the_log_groups_of_the_stack,
]
