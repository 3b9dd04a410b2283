"""Checks the template with AWS's own tools: check.py TEMPLATE SAR_TEMPLATE TRANSLATED.

The last line counts the checks.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import checks
import mutations
import rights
import sar
from create import create
from template import Template

LINT = "from cfnlint.runner.cli import main; main()"


def main(path, sar_path, translated):
    text = path.read_text()
    template = Template(text)
    variant = Template(sar_path.read_text())
    translated.parent.mkdir(parents=True, exist_ok=True)
    translated.write_text(json.dumps(template.translated, indent=2))

    every = rights.CHECKS + checks.CHECKS
    results = [report(said(check), lambda: check(template)) for check in every]
    for check in sar.CHECKS:
        results.append(report(f"for the repository: {said(check)}", lambda: check(variant, template)))
    results.append(report("for the repository: cfn-lint finds nothing", lambda: none(lint(sar_path))))
    for fault, pattern, replacement, check in mutations.SAR:
        wrong = Template(mutations.mutated(variant.text, pattern, replacement))
        results.append(report(f"for the repository: {check} finds that {fault}", lambda: fails(check, wrong, template)))
    wrong = len(mutations.MUTATIONS)
    results.append(report(f"these checks find the fault in each of {wrong} wrong templates", lambda: none(mutations.blind(text, every))))
    results.append(report("cfn-lint finds nothing in the template", lambda: none(lint(path))))
    results.append(report("cfn-lint finds nothing in the translated template", lambda: none(lint(translated))))
    for fault, pattern, replacement, rule in mutations.LINTED:
        wrong = mutations.mutated(text, pattern, replacement)
        results.append(report(f"cfn-lint finds {fault}", lambda: some(lint_text(wrong), rule)))
    for fault, pattern, replacement, rule in mutations.LINTED_TRANSLATED:
        wrong = json.dumps(Template(mutations.mutated(text, pattern, replacement)).translated)
        results.append(report(f"cfn-lint finds {fault}", lambda: some(lint_text(wrong), rule)))
    results.append(report("moto creates two such stacks in one account", lambda: two_stacks(template)))

    failed = results.count(False)
    print(f"template: {len(results) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def report(name, check):
    try:
        check()
    except AssertionError as error:
        print(f"FAILED {name}\n  {error}")
        return False
    print(f"ok     {name}")
    return True


def lint(path):
    """One line per finding, of every severity."""
    options = ["--include-checks", "I", "--format", "parseable", "--regions", "us-east-1", "eu-central-1", "--"]
    done = subprocess.run([sys.executable, "-c", LINT, *options, path], capture_output=True, text=True)
    assert done.returncode == 0 or done.stdout, done.stderr
    return done.stdout.split("\n")[:-1]


def lint_text(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "template.yaml")
        path.write_text(text)
        return lint(path)


def two_stacks(template):
    first, second = create(template.translated)
    assert first["McpFunctionName"] == "mcp-lambda-sam-mcp", first
    assert second["McpFunctionName"] == "second-mcp", second
    # A setting, which two stacks may have in common.
    del first["GrantCondition"]
    shared = [name for name, value in first.items() if second[name] == value]
    assert not shared, f"they share {shared}"


def fails(name, *templates):
    (check,) = [it for it in sar.CHECKS if it.__name__ == name]
    try:
        check(*templates)
    except AssertionError:
        return
    raise AssertionError("it does not")


def none(findings):
    findings = list(findings)
    assert not findings, "\n  ".join(findings)


def some(findings, rule):
    assert any(f":{rule}:" in it for it in findings), f"{rule} is not in {findings}"


def said(check):
    return check.__name__.replace("_", " ")


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
