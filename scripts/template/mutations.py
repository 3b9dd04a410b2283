"""Templates that are wrong, each with the check that must find it. A check that finds nothing proves nothing."""

import re

from samtranslator.model.exceptions import InvalidDocumentException
from template import Template

# What is done to the text: a pattern, what takes its place, and how often the pattern is there.
MUTATIONS = [
    (
        "the mcp role may invoke",
        r"Action: \[dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query\]",
        "Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, lambda:InvokeFunction]",
        [
            "the_mcp_role_invokes_nothing_by_itself",
            "the_mcp_role_reads_registrations_uses_sessions_logs_and_does_nothing_else",
        ],
    ),
    (
        "the mcp role may write registrations",
        r"Action: \[dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query\]",
        "Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, dynamodb:PutItem]",
        ["the_mcp_role_reads_registrations_uses_sessions_logs_and_does_nothing_else"],
    ),
    (
        "the mcp role may use every table",
        r"Resource: !GetAtt SessionTable.Arn",
        'Resource: "*"',
        ["the_mcp_role_reads_registrations_uses_sessions_logs_and_does_nothing_else"],
    ),
    (
        "the mcp function's code may use network interfaces",
        r"Action: ec2:\*",
        "Action: ec2:DescribeSubnets",
        ["the_mcp_role_reads_registrations_uses_sessions_logs_and_does_nothing_else"],
    ),
    (
        "the registration role may grant to anybody",
        r"\n +Condition:\n +StringEquals: \{ \"lambda:Principal\".*",
        "",
        ["the_registration_role_registers_and_grants_to_the_mcp_role_only"],
    ),
    (
        "the registration role may invoke",
        r"Action: lambda:GetPolicy\n",
        "Action: [lambda:GetPolicy, lambda:InvokeFunction]\n",
        ["the_registration_role_registers_and_grants_to_the_mcp_role_only"],
    ),
    (
        "the registration role is allowed by what it may not do",
        r"Action: lambda:GetPolicy\n",
        "NotAction: lambda:GetPolicy\n",
        ["the_registration_role_registers_and_grants_to_the_mcp_role_only"],
    ),
    (
        "SAM makes a role of its own",
        r"      Role: !GetAtt McpFunctionRole.Arn\n",
        "",
        ["nobody_else_has_rights"],
    ),
    (
        "a managed policy is attached to the mcp role",
        r"      ManagedPolicyArns: .*\n",
        "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AWSLambda_FullAccess]\n",
        ["the_mcp_role_reads_registrations_uses_sessions_logs_and_does_nothing_else"],
    ),
    (
        "others than Lambda assume the roles",
        r"Principal: \{ Service: lambda.amazonaws.com \}",
        'Principal: { AWS: "*" }',
        ["only_lambda_assumes_the_roles"],
    ),
    (
        "the mcp role has a name",
        r"      Description: !Sub \"The mcp function of .*\n",
        "      RoleName: gateway\n",
        ["no_change_of_a_parameter_replaces_the_mcp_role"],
    ),
    (
        "clients may invoke by the API",
        r"\n +Condition: \{ Bool: .*",
        "",
        ["the_policies_for_people_allow_one_url_each"],
    ),
    (
        "clients may register",
        r"Resource: !GetAtt McpFunction.Arn",
        "Resource: [!GetAtt McpFunction.Arn, !GetAtt RegistrationFunction.Arn]",
        ["the_policies_for_people_allow_one_url_each"],
    ),
    (
        "the URLs are open to everybody",
        r"AuthType: AWS_IAM\n",
        "AuthType: NONE\n",
        ["both_urls_ask_for_iam", "nobody_else_has_rights"],
    ),
    (
        "the mcp function does not stream",
        r"InvokeMode: RESPONSE_STREAM",
        "InvokeMode: BUFFERED",
        ["both_urls_ask_for_iam"],
    ),
    (
        "every web page gets in",
        r"AllowOrigins: .*",
        'AllowOrigins: ["*"]',
        ["web_pages_get_in_by_name"],
    ),
    (
        "web pages get in unasked",
        r"ServesWebPages: .*",
        "ServesWebPages: !Not [!Equals [!Ref AllowedOrigins, none]]",
        ["both_urls_ask_for_iam"],
    ),
    (
        "logs go where Lambda puts them",
        r"        LogGroup: !Ref McpLogs\n",
        "",
        ["the_functions_are_as_promised"],
    ),
    (
        "the VPC is always there",
        r"InVpc: .*",
        'InVpc: !Not [!Equals [!Ref VpcEnabled, "maybe"]]',
        ["the_functions_are_as_promised", "in_a_vpc_nothing_comes_in_and_https_goes_out"],
    ),
    (
        "the security group lets everything out",
        r"IpProtocol: tcp",
        'IpProtocol: "-1"',
        ["in_a_vpc_nothing_comes_in_and_https_goes_out"],
    ),
    (
        "the sessions do not expire",
        r"          Enabled: true|        Enabled: true",
        "        Enabled: false",
        ["the_tables_expire_and_the_registrations_stay"],
    ),
    (
        "the registrations go with the stack",
        r"DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
        ["the_tables_expire_and_the_registrations_stay"],
    ),
    (
        "an output names another thing",
        r"Value: !GetAtt McpFunctionRole.Arn",
        "Value: !GetAtt RegistrationFunctionRole.Arn",
        ["the_outputs_name_what_people_need"],
    ),
    (
        "a VPC needs no subnets",
        r"\n +- Assert: !Not \[!Equals \[!Ref SubnetIds.*\n.*",
        "",
        ["sound_parameters_are_taken_and_nonsense_is_refused"],
    ),
    (
        "any origin is taken",
        r"AllowedPattern: \^\(https.*",
        "AllowedPattern: ^.*$",
        ["sound_parameters_are_taken_and_nonsense_is_refused"],
    ),
    (
        "a parameter has a type that the Serverless Application Repository refuses",
        r"  VpcId:\n    Type: String",
        "  VpcId:\n    Type: AWS::EC2::VPC::Id",
        ["the_serverless_application_repository_takes_it"],
    ),
    (
        "a resource has a type that it refuses",
        r"Type: AWS::Logs::LogGroup",
        "Type: AWS::CloudWatch::CompositeAlarm",
        ["the_serverless_application_repository_takes_it"],
    ),
    (
        "a parameter is in no group",
        r"Parameters: \[LogLevel, LogRetentionDays\]",
        "Parameters: [LogLevel]",
        ["every_parameter_explains_itself"],
    ),
    (
        "the keys are shown",
        r"    NoEcho: true\n",
        "",
        ["every_parameter_explains_itself"],
    ),
    (
        "it is longer than CloudFormation takes",
        r"\nOutputs:\n",
        "\n# " + "long " * 8_000 + "\nOutputs:\n",
        ["it_fits_into_one_request"],
    ),
]

# The same for cfn-lint, with the rule that must find it. Actions it knows only where there is no transform.
LINTED = [
    ("a reference to nothing", r"LogGroup: !Ref McpLogs", "LogGroup: !Ref NoLogs", "E1020"),
    ("a runtime that is over", r"nodejs24\.x", "nodejs16.x", "W2531"),
    ("a default that its own pattern refuses", r"Default: mcp-lambda-sam", "Default: Mcp", "E2015"),
]
LINTED_TRANSLATED = [("an action that IAM does not have", r"lambda:GetPolicy\n", "lambda:ReadPolicy\n", "W3037")]


def mutated(text, pattern, replacement):
    changed, count = re.subn(pattern, lambda _: replacement, text)
    assert count, f"the template has nothing like {pattern}"
    return changed


def blind(text, checks):
    """The mutations that nothing, or not what should have, found."""
    by_name = {check.__name__: check for check in checks}
    unused = set(by_name)
    for what, pattern, replacement, expected in MUTATIONS:
        unused -= set(expected)
        for name in expected:
            if not finds(by_name[name], mutated(text, pattern, replacement)):
                yield f"{name} does not find that {what}"
    for name in sorted(unused):
        yield f"{name} was never seen to fail"


def finds(check, text):
    try:
        check(Template(text))
    except (AssertionError, InvalidDocumentException):
        return True
    return False
