"""What else must be true of the template, each as a function that raises AssertionError when it is not."""

import re

from template import VPC, equal
from translate import refusal, settled


def both_urls_ask_for_iam(template):
    resources = template.resources()
    urls = {name: it["Properties"] for name, it in resources.items() if it["Type"] == "AWS::Lambda::Url"}
    equal(
        urls,
        {
            "McpFunctionUrl": {
                "TargetFunctionArn": "${McpFunction}",
                "AuthType": "AWS_IAM",
                "InvokeMode": "RESPONSE_STREAM",
            },
            "RegistrationFunctionUrl": {
                "TargetFunctionArn": "${RegistrationFunction}",
                "AuthType": "AWS_IAM",
                "InvokeMode": "BUFFERED",
            },
        },
    )


def web_pages_get_in_by_name(template):
    origins = "https://app.example.com,http://localhost:5173"
    resources = template.resources(AllowedOrigins=origins)
    cors = resources["McpFunctionUrl"]["Properties"]["Cors"]
    equal(cors["AllowOrigins"], origins.split(","))
    equal("Cors" in resources["RegistrationFunctionUrl"]["Properties"], False)
    equal("AllowCredentials" in cors, False)
    for values in cors.values():
        equal(isinstance(values, list) and "*" in values, False)


def the_functions_are_as_promised(template):
    resources = template.resources()
    for name, suffix, logs in (
        ("McpFunction", "mcp", "McpLogs"),
        ("RegistrationFunction", "mcp-registration", "RegistrationLogs"),
    ):
        function = resources[name]["Properties"]
        equal(function["FunctionName"], f"mcp-lambda-sam-{suffix}")
        equal((function["Runtime"], function["Architectures"]), ("nodejs24.x", ["arm64"]))
        equal("VpcConfig" in function, False)
        equal("ReservedConcurrentExecutions" in function, False)
        equal(
            function["LoggingConfig"],
            {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": f"${{{logs}}}"},
        )
        group = {"LogGroupName": f"/aws/lambda/mcp-lambda-sam-{suffix}", "RetentionInDays": "30"}
        equal(resources[logs]["Properties"], group)
    reserved = template.resources(ReservedConcurrency="50")
    equal(reserved["McpFunction"]["Properties"]["ReservedConcurrentExecutions"], "50")


def in_a_vpc_nothing_comes_in_and_https_goes_out(template):
    equal("SecurityGroup" in template.resources(), False)
    resources = template.resources(**VPC)
    for name in ("McpFunction", "RegistrationFunction"):
        equal(
            resources[name]["Properties"]["VpcConfig"],
            {"SubnetIds": VPC["SubnetIds"].split(","), "SecurityGroupIds": ["${SecurityGroup.GroupId}"]},
        )
    group = resources["SecurityGroup"]["Properties"]
    equal(group["VpcId"], VPC["VpcId"])
    equal("SecurityGroupIngress" in group, False)
    equal([(it["FromPort"], it["ToPort"], it["IpProtocol"]) for it in group["SecurityGroupEgress"]], [(443, 443, "tcp")])


def the_tables_expire_and_the_registrations_stay(template):
    resources = template.resources(PointInTimeRecovery="true", DeletionProtection="true")
    for name in ("RegistrationTable", "SessionTable"):
        table = resources[name]["Properties"]
        equal(table["BillingMode"], "PAY_PER_REQUEST")
        equal(table["TimeToLiveSpecification"], {"AttributeName": "expiresAt", "Enabled": True})
        # A table with a name of its own could not be replaced, and would be in the way of the next stack.
        equal("TableName" in table, False)
    registrations = resources["RegistrationTable"]
    equal((registrations["DeletionPolicy"], registrations["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))
    equal(registrations["Properties"]["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": "true"})
    equal(registrations["Properties"]["DeletionProtectionEnabled"], "true")


def the_outputs_name_what_people_need(template):
    equal(
        settled(template.translated, StackIdentifier="mine")["Outputs"],
        {
            "McpUrl": "${McpFunctionUrl.FunctionUrl}",
            "RegistrationUrl": "${RegistrationFunctionUrl.FunctionUrl}",
            "McpClientPolicyArn": "${McpClientPolicy}",
            "RegistrationAdminPolicyArn": "${RegistrationAdminPolicy}",
            "McpRoleArn": "${McpFunctionRole.Arn}",
            "McpFunctionArn": "${McpFunction.Arn}",
            "McpFunctionName": "${McpFunction}",
            "RegistrationFunctionArn": "${RegistrationFunction.Arn}",
            "RegistrationFunctionName": "${RegistrationFunction}",
            "RegistrationTableName": "${RegistrationTable}",
            "SessionTableName": "${SessionTable}",
            "StackIdentifier": "mine",
        },
    )


def sound_parameters_are_taken_and_nonsense_is_refused(template):
    """By patterns, ranges and rules as CloudFormation documents them; it is not CloudFormation that decides here."""
    for sound in (
        {},
        VPC,
        {**VPC, "SubnetIds": "subnet-0123456789abcdef0"},
        {"AllowedOrigins": "https://app.example.com,http://localhost:5173"},
        {"RequestStateKeys": "x" * 32 + "," + "y" * 40},
        {"StackIdentifier": "a1"},
    ):
        equal(refusal(template.translated, **sound), None)
    for nonsense in (
        {**VPC, "SubnetIds": ""},
        {**VPC, "VpcId": ""},
        {**VPC, "VpcEnabled": "false"},
        {**VPC, "VpcEnabled": "yes"},
        {"SubnetIds": "subnet-01234567"},
        {**VPC, "SubnetIds": "subnet-01234567, subnet-89abcdef"},
        {**VPC, "SubnetIds": "subnet-01234567,"},
        {**VPC, "VpcId": "subnet-01234567"},
        {"StackIdentifier": "Mine"},
        {"StackIdentifier": "x" * 42},
        {"AllowedOrigins": "*"},
        {"AllowedOrigins": "app.example.com"},
        {"AllowedOrigins": "https://app.example.com/"},
        {"RequestStateKeys": "short"},
        {"ReservedConcurrency": "-1"},
        {"IdleTimeoutSeconds": "900"},
        {"HeartbeatSeconds": "0"},
        {"LogRetentionDays": "10"},
        {"LogLevel": "verbose"},
    ):
        assert refusal(template.translated, **nonsense), f"{nonsense} is taken"


# https://docs.aws.amazon.com/serverlessrepo/latest/devguide/list-supported-resources.html
# and, of AWS::EC2::SecurityGroup, docs/aws-assumptions.md
IN_THE_REPOSITORY = {
    "AWS::DynamoDB::Table",
    "AWS::EC2::SecurityGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Serverless::Function",
}


def the_serverless_application_repository_takes_it(template):
    source = template.source
    equal({it["Type"] for it in source["Resources"].values()} - IN_THE_REPOSITORY, set())
    equal({it["Type"] for it in source["Parameters"].values()} - {"String", "Number"}, set())
    about = source["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch("[a-zA-Z0-9-]{1,140}", about["Name"])
    assert re.fullmatch("[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", about["Author"])
    assert len(about["Description"]) <= 256 and len(about["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", it) for it in about["Labels"])
    # The script gives it, so that it is never that of another release.
    equal("SemanticVersion" in about, False)


def every_parameter_explains_itself(template):
    about = template.source["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in about["ParameterGroups"] for name in group["Parameters"]]
    equal(sorted(grouped), sorted(template.source["Parameters"]))
    equal(sorted(about["ParameterLabels"]), sorted(template.source["Parameters"]))
    for name, parameter in template.source["Parameters"].items():
        assert "Default" in parameter and parameter["Description"], name
        bounds = {"AllowedPattern", "AllowedValues", "MaxValue"} & set(parameter)
        assert bounds, f"{name} takes anything"
        equal("AllowedPattern" in parameter, "ConstraintDescription" in parameter)
    equal(template.source["Parameters"]["RequestStateKeys"].get("NoEcho"), True)


def it_fits_into_one_request(template):
    """CloudFormation takes 51,200 bytes with a request; more would have to be in S3 first."""
    assert len(template.text.encode()) <= 51_200


CHECKS = [
    both_urls_ask_for_iam,
    web_pages_get_in_by_name,
    the_functions_are_as_promised,
    in_a_vpc_nothing_comes_in_and_https_goes_out,
    the_tables_expire_and_the_registrations_stay,
    the_outputs_name_what_people_need,
    sound_parameters_are_taken_and_nonsense_is_refused,
    the_serverless_application_repository_takes_it,
    every_parameter_explains_itself,
    it_fits_into_one_request,
]
