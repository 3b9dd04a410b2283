"""Checks of the permissions in the translated template: these and no others."""

import re

from template import VPC, equal

READ = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
WRITE = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
EVERY_FUNCTION = "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:function:*"
OWN_FUNCTION = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:mcp-lambda-sam-"
OWN = ["mcp", "mcp-registration", "mcp-resource"]
ROLES = ["McpFunctionRole", "RegistrationFunctionRole"]


def the_mcp_role_may_read_registrations_use_sessions_and_log_only(template):
    expected = (
        rights(READ, "${RegistrationTable.Arn}")
        | rights(WRITE, "${SessionTable.Arn}")
        | rights(LOG, "${McpLogs.Arn}")
    )
    expected |= denied("lambda:InvokeFunction")
    equal(rights_of(template.resources(), "McpFunctionRole"), expected)
    equal(rights_of(template.resources(**VPC), "McpFunctionRole"), expected | interfaces())


def the_mcp_role_may_invoke_nothing_by_itself(template):
    for parameters in ({}, VPC):
        every = rights_of(template.resources(**parameters), "McpFunctionRole")
        equal([it for it in every if re.match(r"Allow (lambda|\*)", it)], [])


def the_registration_role_may_register_and_grant_to_the_mcp_role_only(template):
    expected = may_register("StringEquals lambda:Principal ${McpFunctionRole.Arn}")
    equal(rights_of(template.resources(), "RegistrationFunctionRole"), expected)
    equal(rights_of(template.resources(**VPC), "RegistrationFunctionRole"), expected | interfaces())


def only_the_parameter_lets_the_registration_role_grant_to_every_principal(template):
    unlimited = template.resources(GrantCondition="none")
    equal(rights_of(unlimited, "RegistrationFunctionRole"), may_register(""))


def only_the_parameter_lets_the_registration_role_read_configurations(template):
    expected = may_register("StringEquals lambda:Principal ${McpFunctionRole.Arn}")
    expected |= rights(["lambda:GetFunctionConfiguration"], EVERY_FUNCTION)
    reading = template.resources(ReadConfiguration="true")
    equal(rights_of(reading, "RegistrationFunctionRole"), expected)


def no_other_role_or_policy_exists(template):
    """No role, policy or permission but the known ones, not even one that SAM adds."""
    known = {*ROLES, "McpClientPolicy", "RegistrationAdminPolicy", "ResourceDeployerPolicy"}
    for parameters, expected in (({}, known), (VPC, {*known, "VpcPolicy"})):
        resources = template.resources(**parameters)
        equal({name for name, it in resources.items() if re.search("IAM|Permission|Policy", it["Type"])}, expected)
        for name in ("McpFunction", "RegistrationFunction"):
            equal(resources[name]["Properties"]["Role"], f"${{{name}Role.Arn}}")
        equal(resources["ResourceFunction"]["Properties"]["Role"], "${RegistrationFunctionRole.Arn}")


def only_lambda_may_assume_the_roles(template):
    allowed = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for role in ROLES:
        equal(template.resources()[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"], [allowed])


def each_caller_policy_allows_one_url(template):
    for policy, function in (("McpClientPolicy", "McpFunction"), ("RegistrationAdminPolicy", "RegistrationFunction")):
        properties = template.resources()[policy]["Properties"]
        arn = f"${{{function}.Arn}}"
        through_the_url = rights(
            ["lambda:InvokeFunctionUrl"], arn, "StringEquals lambda:FunctionUrlAuthType AWS_IAM"
        ) | rights(["lambda:InvokeFunction"], arn, "Bool lambda:InvokedViaFunctionUrl true")
        equal(set(lines(properties["PolicyDocument"])), through_the_url)
        equal({"Users", "Roles", "Groups"} & set(properties), set())


def the_deployer_policy_allows_to_invoke_the_resource_function_only(template):
    properties = template.resources()["ResourceDeployerPolicy"]["Properties"]
    equal(set(lines(properties["PolicyDocument"])), rights(["lambda:InvokeFunction"], "${ResourceFunction.Arn}"))
    equal({"Users", "Roles", "Groups"} & set(properties), set())


def no_parameter_change_replaces_the_mcp_role(template):
    """Invoke permissions name the role. A role without a name and a path is updated in place."""
    equal({"RoleName", "Path"} & set(template.resources()["McpFunctionRole"]["Properties"]), set())


def may_register(condition):
    return (
        rights(WRITE, "${RegistrationTable.Arn}")
        | rights(["lambda:AddPermission", "lambda:RemovePermission"], EVERY_FUNCTION, condition)
        | denied("lambda:AddPermission")
        | rights(["lambda:GetPolicy"], EVERY_FUNCTION)
        | rights(LOG, "${RegistrationLogs.Arn}")
        | rights(LOG, "${ResourceLogs.Arn}")
    )


def denied(action):
    """On the functions of the stack, their versions and aliases."""
    every = [f"{OWN_FUNCTION}{name}{rest}" for name in OWN for rest in ("", ":*")]
    return {line("Deny", action, resource, "") for resource in every}


def rights(actions, resource, condition=""):
    return {line("Allow", action, resource, condition) for action in actions}


def interfaces():
    denied = f"ArnEquals lambda:SourceFunctionArn {[OWN_FUNCTION + it for it in OWN]}"
    return rights(INTERFACES, "*") | {line("Deny", "ec2:*", "*", denied)}


def rights_of(resources, role):
    """The rights from the role's own and attached policies. A managed policy of AWS is one line."""
    properties = resources[role]["Properties"]
    every = {it for policy in properties.get("Policies", []) for it in lines(policy["PolicyDocument"])}
    for arn in properties.get("ManagedPolicyArns", []):
        policy = resources.get(arn.strip("${}"))
        every |= set(lines(policy["Properties"]["PolicyDocument"])) if policy else {f"all of {arn}"}
    return every


def every_right(resources):
    """The rights of each role and managed policy, by name."""
    roles = {name: rights_of(resources, name) for name, it in resources.items() if it["Type"] == "AWS::IAM::Role"}
    policies = {
        name: set(lines(it["Properties"]["PolicyDocument"]))
        for name, it in resources.items()
        if it["Type"] == "AWS::IAM::ManagedPolicy"
    }
    return roles | policies


def lines(document):
    """One line for each effect, action, resource and condition. An unknown part of a statement is an error."""
    for statement in document["Statement"]:
        equal(set(statement) - {"Effect", "Action", "Resource", "Condition"}, set())
        conditions = [
            f"{operator} {key} {value}"
            for operator, keys in statement.get("Condition", {}).items()
            for key, value in keys.items()
        ]
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield line(statement["Effect"], action, resource, " and ".join(conditions))


def line(effect, action, resource, condition):
    return f"{effect} {action} on {resource}" + (f" if {condition}" if condition else "")


def listed(value):
    return value if isinstance(value, list) else [value]


CHECKS = [
    the_mcp_role_may_read_registrations_use_sessions_and_log_only,
    the_mcp_role_may_invoke_nothing_by_itself,
    the_registration_role_may_register_and_grant_to_the_mcp_role_only,
    only_the_parameter_lets_the_registration_role_grant_to_every_principal,
    only_the_parameter_lets_the_registration_role_read_configurations,
    no_other_role_or_policy_exists,
    only_lambda_may_assume_the_roles,
    each_caller_policy_allows_one_url,
    the_deployer_policy_allows_to_invoke_the_resource_function_only,
    no_parameter_change_replaces_the_mcp_role,
]
