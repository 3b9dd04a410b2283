"""Checks of the template. Each is a function that raises AssertionError when the template is wrong."""

import re

from template import VPC, equal
from translate import refusal, settled


def both_urls_require_iam(template):
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


def only_named_origins_are_allowed(template):
    origins = "https://app.example.com,http://localhost:5173"
    resources = template.resources(AllowedOrigins=origins)
    cors = resources["McpFunctionUrl"]["Properties"]["Cors"]
    equal(cors["AllowOrigins"], origins.split(","))
    equal("Cors" in resources["RegistrationFunctionUrl"]["Properties"], False)
    equal("AllowCredentials" in cors, False)
    for values in cors.values():
        equal(isinstance(values, list) and "*" in values, False)


def the_functions_have_their_documented_properties(template):
    resources = template.resources()
    for name, suffix, logs in (
        ("McpFunction", "mcp", "McpLogs"),
        ("RegistrationFunction", "mcp-registration", "RegistrationLogs"),
        ("ResourceFunction", "mcp-resource", "ResourceLogs"),
    ):
        function = resources[name]["Properties"]
        equal(function["FunctionName"], f"mcp-lambda-sam-{suffix}")
        equal((function["Runtime"], function["Architectures"]), ("nodejs24.x", ["arm64"]))
        equal("VpcConfig" in function, False)
        equal("ReservedConcurrentExecutions" in function, False)
        logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": f"${{{logs}}}"}
        if name == "McpFunction":
            logging["SystemLogLevel"] = "WARN"
        equal(function["LoggingConfig"], logging)
        group = {"LogGroupName": f"/aws/lambda/mcp-lambda-sam-{suffix}", "RetentionInDays": "30"}
        equal(resources[logs]["Properties"], group)
    equal(resources["McpFunction"]["Properties"]["MemorySize"], "512")
    small = template.resources(MemorySize="256")
    equal(small["McpFunction"]["Properties"]["MemorySize"], "256")
    reserved = template.resources(ReservedConcurrency="50")
    equal(reserved["McpFunction"]["Properties"]["ReservedConcurrentExecutions"], "50")


def in_a_vpc_only_outgoing_https_is_allowed(template):
    equal("SecurityGroup" in template.resources(), False)
    resources = template.resources(**VPC)
    for name in ("McpFunction", "RegistrationFunction", "ResourceFunction"):
        equal(
            resources[name]["Properties"]["VpcConfig"],
            {"SubnetIds": VPC["SubnetIds"].split(","), "SecurityGroupIds": ["${SecurityGroup.GroupId}"]},
        )
    group = resources["SecurityGroup"]["Properties"]
    equal(group["VpcId"], VPC["VpcId"])
    equal("SecurityGroupIngress" in group, False)
    equal([(it["FromPort"], it["ToPort"], it["IpProtocol"]) for it in group["SecurityGroupEgress"]], [(443, 443, "tcp")])


def sessions_expire_and_registrations_are_retained(template):
    resources = template.resources()
    for name in ("RegistrationTable", "SessionTable"):
        table = resources[name]["Properties"]
        equal(table["BillingMode"], "PAY_PER_REQUEST")
        equal(table["TimeToLiveSpecification"], {"AttributeName": "expiresAt", "Enabled": True})
        # CloudFormation cannot replace a named table, and a second stack could not create it.
        equal("TableName" in table, False)
    registrations = resources["RegistrationTable"]
    equal((registrations["DeletionPolicy"], registrations["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))
    # Booleans, not their text: a reader that does not convert takes the text "false" for true.
    for given, expected in (("true", True), ("false", False)):
        parameters = {"PointInTimeRecovery": given, "DeletionProtection": given}
        table = template.resources(**parameters)["RegistrationTable"]["Properties"]
        equal(table["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": expected})
        equal(table["DeletionProtectionEnabled"], expected)


def the_outputs_are_the_documented_ones(template):
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
            "ResourceServiceToken": "${ResourceFunction.Arn}",
            "ResourceDeployerPolicyArn": "${ResourceDeployerPolicy}",
            "RegistrationTableName": "${RegistrationTable}",
            "SessionTableName": "${SessionTable}",
            "GrantCondition": "principal",
            "StackIdentifier": "mine",
        },
    )


def valid_parameters_are_accepted_and_invalid_ones_refused(template):
    """By patterns, ranges and rules as CloudFormation documents them. CloudFormation itself does not run here."""
    for valid in (
        {},
        VPC,
        {**VPC, "SubnetIds": "subnet-0123456789abcdef0"},
        {"AllowedOrigins": "https://app.example.com,http://localhost:5173"},
        {"RequestStateKeys": "x" * 32 + "," + "y" * 40},
        {"StackIdentifier": "a1"},
        {"GrantCondition": "none"},
        {"Metrics": "items", "LogLevel": "DEBUG", "Dashboard": "on"},
        {"AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:on-call"},
    ):
        equal(refusal(template.translated, **valid), None)
    for invalid in (
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
        {"GrantCondition": "role"},
        {"Metrics": "on", "LogLevel": "WARN"},
        {"AlarmTopicArn": "on-call"},
    ):
        assert refusal(template.translated, **invalid), f"{invalid} is accepted"


# https://docs.aws.amazon.com/serverlessrepo/latest/devguide/list-supported-resources.html
# and docs/aws-assumptions.md for AWS::EC2::SecurityGroup
IN_THE_REPOSITORY = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::EC2::SecurityGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Serverless::Function",
}


def the_serverless_application_repository_accepts_it(template):
    source = template.source
    equal({it["Type"] for it in source["Resources"].values()} - IN_THE_REPOSITORY, set())
    equal({it["Type"] for it in source["Parameters"].values()} - {"String", "Number"}, set())
    about = source["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch("[a-zA-Z0-9-]{1,140}", about["Name"])
    assert re.fullmatch("[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", about["Author"])
    assert len(about["Description"]) <= 256 and len(about["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", it) for it in about["Labels"])
    # scripts/sar.mjs passes the version of the release.
    equal("SemanticVersion" in about, False)


def alarms_and_dashboard_exist_where_they_are_wanted(template):
    topic = "arn:aws:sns:eu-central-1:123456789012:on-call"

    def watching(**parameters):
        resources = template.resources(**parameters)
        return {name: it["Properties"] for name, it in resources.items() if it["Type"].startswith("AWS::CloudWatch::")}

    def namespaces(alarms):
        stats = [it["MetricStat"]["Metric"] for alarm in alarms for it in alarm.get("Metrics", []) if "MetricStat" in it]
        return {it["Namespace"] for it in [*stats, *alarms] if "Namespace" in it}

    equal(watching(), {})
    equal(list(watching(Dashboard="on")), ["GatewayDashboard"])
    equal(namespaces(watching(AlarmTopicArn=topic).values()), {"AWS/Lambda"})
    alarms = watching(AlarmTopicArn=topic, Metrics="on").values()
    equal(namespaces(alarms), {"AWS/Lambda", "McpLambdaSam"})
    for alarm in alarms:
        equal((alarm["AlarmActions"], alarm["TreatMissingData"]), ([topic], "notBreaching"))


def every_parameter_is_described_and_bounded(template):
    about = template.source["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in about["ParameterGroups"] for name in group["Parameters"]]
    equal(sorted(grouped), sorted(template.source["Parameters"]))
    equal(sorted(about["ParameterLabels"]), sorted(template.source["Parameters"]))
    for name, parameter in template.source["Parameters"].items():
        assert "Default" in parameter and parameter["Description"], name
        bounds = {"AllowedPattern", "AllowedValues", "MaxValue"} & set(parameter)
        assert bounds, f"{name} has no bounds"
        equal("AllowedPattern" in parameter, "ConstraintDescription" in parameter)
    equal(template.source["Parameters"]["RequestStateKeys"].get("NoEcho"), True)


def it_fits_into_one_request(template):
    """CloudFormation accepts 51,200 bytes in a request. A larger template must be in S3."""
    assert len(template.text.encode()) <= 51_200


CHECKS = [
    both_urls_require_iam,
    only_named_origins_are_allowed,
    the_functions_have_their_documented_properties,
    in_a_vpc_only_outgoing_https_is_allowed,
    sessions_expire_and_registrations_are_retained,
    the_outputs_are_the_documented_ones,
    valid_parameters_are_accepted_and_invalid_ones_refused,
    the_serverless_application_repository_accepts_it,
    alarms_and_dashboard_exist_where_they_are_wanted,
    every_parameter_is_described_and_bounded,
    it_fits_into_one_request,
]
