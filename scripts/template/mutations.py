"""Wrong templates, each with the checks that must find the fault. A check that never fails proves nothing."""

import re

from samtranslator.model.exceptions import InvalidDocumentException
from template import Template

# The fault, a pattern in the text of the template, its replacement, and the checks that must fail.
MUTATIONS = [
    (
        "the mcp role may invoke",
        r"Action: \[dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query\]",
        "Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, lambda:InvokeFunction]",
        [
            "the_mcp_role_may_invoke_nothing_by_itself",
            "the_mcp_role_may_read_registrations_use_sessions_and_log_only",
        ],
    ),
    (
        "the mcp role may write registrations",
        r"Action: \[dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query\]",
        "Action: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, dynamodb:PutItem]",
        ["the_mcp_role_may_read_registrations_use_sessions_and_log_only"],
    ),
    (
        "the mcp role may use every table",
        r"Resource: !GetAtt SessionTable.Arn",
        'Resource: "*"',
        ["the_mcp_role_may_read_registrations_use_sessions_and_log_only"],
    ),
    (
        "the mcp function's code may use network interfaces",
        r"Action: ec2:\*",
        "Action: ec2:DescribeSubnets",
        ["the_mcp_role_may_read_registrations_use_sessions_and_log_only"],
    ),
    (
        "the registration role may grant to any principal",
        r"LimitsGrants: .*",
        "LimitsGrants: !Equals [!Ref GrantCondition, condition]",
        ["the_registration_role_may_register_and_grant_to_the_mcp_role_only"],
    ),
    (
        "the registration role may read every configuration",
        r"ReadsConfigurations: .*",
        'ReadsConfigurations: !Equals [!Ref ReadConfiguration, "false"]',
        [
            "the_registration_role_may_register_and_grant_to_the_mcp_role_only",
            "only_the_parameter_lets_the_registration_role_grant_to_every_principal",
            "only_the_parameter_lets_the_registration_role_read_configurations",
        ],
    ),
    (
        "the parameter lifts no limit",
        r"LimitsGrants: .*",
        "LimitsGrants: !Not [!Equals [!Ref GrantCondition, everyone]]",
        ["only_the_parameter_lets_the_registration_role_grant_to_every_principal"],
    ),
    (
        "the registration role may grant on the functions of the stack",
        r"Effect: Deny\n +Action: lambda:AddPermission",
        "Effect: Deny\n                Action: lambda:RemovePermission",
        [
            "the_registration_role_may_register_and_grant_to_the_mcp_role_only",
            "only_the_parameter_lets_the_registration_role_grant_to_every_principal",
        ],
    ),
    (
        "a permission on a function of the stack lets the mcp role call it",
        r"Effect: Deny\n +Action: lambda:InvokeFunction",
        "Effect: Deny\n                Action: lambda:InvokeFunctionUrl",
        ["the_mcp_role_may_read_registrations_use_sessions_and_log_only"],
    ),
    (
        "the registration role may invoke",
        r"Action: lambda:GetPolicy\n",
        "Action: [lambda:GetPolicy, lambda:InvokeFunction]\n",
        [
            "the_registration_role_may_register_and_grant_to_the_mcp_role_only",
            "only_the_parameter_lets_the_registration_role_grant_to_every_principal",
        ],
    ),
    (
        "the registration role has a NotAction",
        r"Action: lambda:GetPolicy\n",
        "NotAction: lambda:GetPolicy\n",
        ["the_registration_role_may_register_and_grant_to_the_mcp_role_only"],
    ),
    (
        "SAM adds its own role",
        r"      Role: !GetAtt McpFunctionRole.Arn\n",
        "",
        ["no_other_role_or_policy_exists"],
    ),
    (
        "a managed policy is attached to the mcp role",
        r"      ManagedPolicyArns: .*\n",
        "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AWSLambda_FullAccess]\n",
        ["the_mcp_role_may_read_registrations_use_sessions_and_log_only"],
    ),
    (
        "other principals than Lambda may assume the roles",
        r"Principal: \{ Service: lambda.amazonaws.com \}",
        'Principal: { AWS: "*" }',
        ["only_lambda_may_assume_the_roles"],
    ),
    (
        "the mcp role has a name",
        r"      Description: !Sub \"The mcp function of .*\n",
        "      RoleName: gateway\n",
        ["no_parameter_change_replaces_the_mcp_role"],
    ),
    (
        "deployers may invoke the registration function",
        r"Resource: !GetAtt ResourceFunction.Arn",
        "Resource: !GetAtt RegistrationFunction.Arn",
        ["the_deployer_policy_allows_to_invoke_the_resource_function_only"],
    ),
    (
        "clients may call the Invoke API",
        r"\n +Condition: \{ Bool: .*",
        "",
        ["each_caller_policy_allows_one_url"],
    ),
    (
        "clients may register",
        r"Resource: !GetAtt McpFunction.Arn",
        "Resource: [!GetAtt McpFunction.Arn, !GetAtt RegistrationFunction.Arn]",
        ["each_caller_policy_allows_one_url"],
    ),
    (
        "the URLs are open to the public",
        r"AuthType: AWS_IAM\n",
        "AuthType: NONE\n",
        ["both_urls_require_iam", "no_other_role_or_policy_exists"],
    ),
    (
        "the mcp function does not stream",
        r"InvokeMode: RESPONSE_STREAM",
        "InvokeMode: BUFFERED",
        ["both_urls_require_iam"],
    ),
    (
        "every origin is allowed",
        r"AllowOrigins: .*",
        'AllowOrigins: ["*"]',
        ["only_named_origins_are_allowed"],
    ),
    (
        "origins are allowed by default",
        r"ServesWebPages: .*",
        "ServesWebPages: !Not [!Equals [!Ref AllowedOrigins, none]]",
        ["both_urls_require_iam"],
    ),
    (
        "logs go to the default log group",
        r"        LogGroup: !Ref McpLogs\n",
        "",
        ["the_functions_have_their_documented_properties"],
    ),
    (
        "the VPC is always there",
        r"InVpc: .*",
        'InVpc: !Not [!Equals [!Ref VpcEnabled, "maybe"]]',
        ["the_functions_have_their_documented_properties", "in_a_vpc_only_outgoing_https_is_allowed"],
    ),
    (
        "the security group allows all outgoing traffic",
        r"IpProtocol: tcp",
        'IpProtocol: "-1"',
        ["in_a_vpc_only_outgoing_https_is_allowed"],
    ),
    (
        "the sessions do not expire",
        r"          Enabled: true|        Enabled: true",
        "        Enabled: false",
        ["sessions_expire_and_registrations_are_retained"],
    ),
    (
        "the registrations are deleted with the stack",
        r"DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
        ["sessions_expire_and_registrations_are_retained"],
    ),
    (
        "the continuous backups are text and not a boolean",
        r"PointInTimeRecoveryEnabled: .*",
        "PointInTimeRecoveryEnabled: !Ref PointInTimeRecovery",
        ["sessions_expire_and_registrations_are_retained"],
    ),
    (
        "the deletion protection is text and not a boolean",
        r"DeletionProtectionEnabled: .*",
        "DeletionProtectionEnabled: !Ref DeletionProtection",
        ["sessions_expire_and_registrations_are_retained"],
    ),
    (
        "an output has another resource's value",
        r"Value: !GetAtt McpFunctionRole.Arn",
        "Value: !GetAtt RegistrationFunctionRole.Arn",
        ["the_outputs_are_the_documented_ones"],
    ),
    (
        "a VPC needs no subnets",
        r"\n +- Assert: !Not \[!Equals \[!Ref SubnetIds.*\n.*",
        "",
        ["valid_parameters_are_accepted_and_invalid_ones_refused"],
    ),
    (
        "any text is accepted as an origin",
        r"AllowedPattern: \^\(https.*",
        "AllowedPattern: ^.*$",
        ["valid_parameters_are_accepted_and_invalid_ones_refused"],
    ),
    (
        "a parameter has a type that the Serverless Application Repository refuses",
        r"  VpcId:\n    Type: String",
        "  VpcId:\n    Type: AWS::EC2::VPC::Id",
        ["the_serverless_application_repository_accepts_it"],
    ),
    (
        "a resource has a type that the repository refuses",
        r"Type: AWS::Logs::LogGroup",
        "Type: AWS::CloudWatch::CompositeAlarm",
        ["the_serverless_application_repository_accepts_it"],
    ),
    (
        "an alarm exists without a topic",
        r"    Condition: HasAlarms\n",
        "",
        ["alarms_and_dashboard_exist_where_they_are_wanted"],
    ),
    (
        "a parameter is in no group",
        r"Parameters: \[LogLevel, LogRetentionDays, ",
        "Parameters: [LogLevel, ",
        ["every_parameter_is_described_and_bounded"],
    ),
    (
        "the keys are visible in the console",
        r"    NoEcho: true\n",
        "",
        ["every_parameter_is_described_and_bounded"],
    ),
    (
        "it is longer than CloudFormation accepts",
        r"\nOutputs:\n",
        "\n# " + "long " * 8_000 + "\nOutputs:\n",
        ["it_fits_into_one_request"],
    ),
]

# The same for the template for the Serverless Application Repository, with the check that must
# fail.
SAR = [
    (
        "it has another setting",
        r"MemorySize: 256",
        "MemorySize: 1024",
        "it_is_the_template_without_what_the_repository_may_not_know",
    ),
    (
        "it still has rules",
        r"\nConditions:\n",
        "\nRules: {}\nConditions:\n",
        "it_is_the_template_without_what_the_repository_may_not_know",
    ),
    (
        "a role has one more right",
        r"Action: lambda:GetPolicy\n",
        "Action: [lambda:GetPolicy, lambda:GetFunction]\n",
        "its_roles_and_policies_have_the_same_rights",
    ),
    (
        "a client policy has one right less",
        r"\n +- Effect: Allow\n +Action: lambda:InvokeFunctionUrl\n.*\n.*",
        "",
        "its_roles_and_policies_have_the_same_rights",
    ),
    (
        "a log group has another name than Lambda's default",
        r"LogGroupName: .*-mcp\"\n",
        'LogGroupName: !Sub "/mcp/${StackIdentifier}"\n',
        "its_functions_write_to_the_log_groups_of_the_stack",
    ),
]

# The same for cfn-lint, with the rule that must find the fault. Unknown actions need a translated
# template.
LINTED = [
    ("a reference to nothing", r"LogGroup: !Ref McpLogs", "LogGroup: !Ref NoLogs", "E1020"),
    ("a runtime that is no longer supported", r"nodejs24\.x", "nodejs16.x", "W2531"),
    ("a default that its pattern refuses", r"Default: mcp-lambda-sam", "Default: Mcp", "E2015"),
]
LINTED_TRANSLATED = [("an action that does not exist in IAM", r"lambda:GetPolicy\n", "lambda:ReadPolicy\n", "W3037")]


def mutated(text, pattern, replacement):
    changed, count = re.subn(pattern, lambda _: replacement, text)
    assert count, f"the template does not match {pattern}"
    return changed


def blind(text, checks):
    """The mutations that a check should find and does not, and the checks that no mutation fails."""
    by_name = {check.__name__: check for check in checks}
    unused = set(by_name)
    for fault, pattern, replacement, expected in MUTATIONS:
        unused -= set(expected)
        for name in expected:
            if not finds(by_name[name], mutated(text, pattern, replacement)):
                yield f"{name} does not find that {fault}"
    for name in sorted(unused):
        yield f"no mutation fails {name}"


def finds(check, text):
    try:
        check(Template(text))
    except (AssertionError, InvalidDocumentException):
        return True
    return False
