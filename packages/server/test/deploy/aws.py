"""The APIs of AWS on loopback: moto, and what a deployment needs beyond it:

- CreateChangeSet runs the SAM transform, with AWS's own translator, as CloudFormation does.
- A stack created by a change set has the outputs and the parameter values of its template.
- RetainExceptOnCreate is Retain.
- AWS::Lambda::Url is a resource.
- A policy of a role that is AWS::NoValue is left out. GetRolePolicy answers with JSON.
- A table stays when an update does not change it.
- The recorder writes one request after the other.
- AddPermission turns the two options about Function URLs into conditions, as Lambda does.
- GetAccountSettings answers with the limits of a usual account.

Prints its port and serves until its stdin ends. Lines of JSON on stdin set the URLs of
functions and the stacks that fail.
"""

import json
import os
import sys
from threading import Lock

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.awslambda import models as lambda_models
from moto.awslambda import urls as lambda_urls
from moto.awslambda.policy import Policy
from moto.cloudformation.models import CloudFormationBackend, Event
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import Table
from moto.iam.models import Role
from moto.moto_api._internal.recorder.models import Recorder
from moto.server import ThreadedMotoServer
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

MANAGED_POLICIES = {
    name: f"arn:aws:iam::aws:policy/service-role/{name}"
    for name in ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole")
}


class Loader:
    def load(self):
        return MANAGED_POLICIES


def translated(template, parameters):
    source = yaml_parse(template)
    if source.get("Transform") != "AWS::Serverless-2016-10-31":
        return template
    output = transform(source, dict(parameters), Loader())
    for resource in output["Resources"].values():
        # moto does not roll back, and does not know RetainExceptOnCreate.
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
    return json.dumps(output, sort_keys=True)


# By stack name: the events and the status of a creation that fails.
FAILING = {}

create_change_set = CloudFormationBackend.create_change_set


def create_change_set_with_transform(self, *args, **kwargs):
    kwargs["template"] = translated(kwargs["template"], kwargs["parameters"])
    return create_change_set(self, *args, **kwargs)


CloudFormationBackend.create_change_set = create_change_set_with_transform

execute_change_set = CloudFormationBackend.execute_change_set


def execute_change_set_to_its_end(self, change_set_name, stack_name=None):
    change_set = self.describe_change_set(change_set_name)
    stack = self.stacks[change_set.stack_id]
    if stack.name in FAILING:
        for logical_id, type, status, reason in FAILING[stack.name]["events"]:
            stack.events.append(
                Event(stack.stack_id, stack.name, logical_id, "", type, status, reason, None)
            )
        stack.status = FAILING[stack.name]["status"]
        stack.template = change_set.template
        stack._parse_template()
        stack.description = stack.template_description
        return
    execute_change_set(self, change_set_name, stack_name)
    stack._parse_template()
    stack.output_map = stack._create_output_map()
    stack.parameters = dict(stack.stack_parameters)
    # moto forgets the exports of a stack that a change set made, and fails when it deletes it.
    for export in stack.exports:
        self.exports[export.name] = export


CloudFormationBackend.execute_change_set = execute_change_set_to_its_end

delete_stack = CloudFormationBackend.delete_stack


def delete_stack_with_its_outputs(self, name_or_stack_id):
    stack = self.stacks.get(name_or_stack_id)
    delete_stack(self, name_or_stack_id)
    # moto would make the resources again to tell the outputs of a stack that is gone.
    if stack:
        stack.template_dict["Outputs"] = {}
        stack.output_map = stack._create_output_map()


CloudFormationBackend.delete_stack = delete_stack_with_its_outputs


KNOWN_URLS = {}


class Url(CloudFormationModel):
    # moto sorts its models by the second part of this name, and registers every subclass.
    __module__ = "moto.awslambda.url"

    def __init__(self, function_name, config):
        self.physical_resource_id = function_name
        self.url = KNOWN_URLS.get(function_name, config.url)

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::Url"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "FunctionUrl"

    def get_cfn_attribute(self, attribute_name):
        return self.url

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name, cloudformation_json, account_id, region_name, **kwargs
    ):
        properties = cloudformation_json["Properties"]
        name = properties["TargetFunctionArn"].split(":")[-1]
        backend = lambda_models.lambda_backends[account_id][region_name]
        return cls(name, backend.create_function_url_config(name, properties))

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name, cloudformation_json, account_id, region_name
    ):
        pass


create_role = Role.create_from_cloudformation_json


def create_role_without_no_value(resource_name, cloudformation_json, *args, **kwargs):
    properties = cloudformation_json["Properties"]
    if "Policies" in properties:
        properties["Policies"] = [
            {**policy, "PolicyDocument": json.dumps(policy["PolicyDocument"])}
            for policy in properties["Policies"]
            if policy
        ]
    return create_role(resource_name, cloudformation_json, *args, **kwargs)


Role.create_from_cloudformation_json = create_role_without_no_value


def keep_table(original_resource, *args, **kwargs):
    return original_resource


Table.update_from_cloudformation_json = keep_table

record_request = Recorder._record_request
recording = Lock()


def record_one_request(self, *args, **kwargs):
    with recording:
        record_request(self, *args, **kwargs)


Recorder._record_request = record_one_request

decode_policy = Policy.decode_policy


def decode_policy_with_conditions(self, request):
    auth_type = request.pop("FunctionUrlAuthType", None)
    via_url = request.pop("InvokedViaFunctionUrl", None)
    policy = decode_policy(self, request)
    if isinstance(policy, Policy):
        for statement in policy.statements:
            if auth_type:
                equals = {"lambda:FunctionUrlAuthType": auth_type}
                statement["Condition"] = {"StringEquals": equals}
            if via_url:
                statement["Condition"] = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    return policy


Policy.decode_policy = decode_policy_with_conditions



def account_settings(request, full_url, headers):
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    return 200, {"content-type": "application/json"}, json.dumps({"AccountLimit": limit})


lambda_urls.url_paths["{0}/(?P<api_version>[^/]+)/account-settings/?$"] = account_settings

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
for line in sys.stdin:
    told = json.loads(line)
    KNOWN_URLS.update(told.get("urls", {}))
    FAILING.clear()
    FAILING.update(told.get("failing", {}))
    print("told", flush=True)
