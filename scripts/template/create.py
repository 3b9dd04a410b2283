"""Creates stacks from the translated template in moto, which imitates AWS."""

import io
import json
import os
import zipfile

os.environ |= {"AWS_ACCESS_KEY_ID": "moto", "AWS_SECRET_ACCESS_KEY": "moto", "AWS_DEFAULT_REGION": "us-east-1"}

import boto3  # noqa: E402 - it reads the variables above
from moto import mock_aws  # noqa: E402


def create(translated):
    """The outputs of two stacks in one account, one of them in a VPC. Raises the errors of moto."""
    with mock_aws(config={"lambda": {"use_docker": False}}):
        upload(["McpFunction", "RegistrationFunction", "ResourceFunction"])
        ec2 = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        attached = {"VpcEnabled": "true", "VpcId": vpc, "SubnetIds": subnet}
        other = {"StackIdentifier": "second", "GrantCondition": "none", **attached}
        return [outputs("first", translated, {}), outputs("second", translated, other)]


def outputs(name, translated, parameters):
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(without_urls(translated)),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack["StackStatus"]
    return {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}


def without_urls(translated):
    """moto supports Function URLs, but not in templates."""
    kept = {name: it for name, it in translated["Resources"].items() if it["Type"] != "AWS::Lambda::Url"}
    known = {name: it for name, it in translated["Outputs"].items() if not name.endswith("Url")}
    return {**translated, "Resources": kept, "Outputs": known}


def upload(functions):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as it:
        it.writestr("index.mjs", "export const handler = async () => {}")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    for name in functions:
        s3.put_object(Bucket="bucket", Key=f"{name}.zip", Body=archive.getvalue())
