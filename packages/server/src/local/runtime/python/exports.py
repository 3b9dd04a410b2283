"""Finds the handlers of Python files without running them.

Reads a JSON object on stdin: by path, the folder from which the file imports. Writes one JSON object
on stdout: for each path the name of its handler, the first line of its documentation, the files that
it imports from the folder, and the place of a syntax error.
"""

import ast
import importlib.util
import json
import os
import sys

HANDLERS = ("handler", "lambda_handler")


def main():
    roots = json.load(sys.stdin)
    json.dump(
        {
            "version": "%d.%d" % sys.version_info[:2],
            "hasRuntimeClient": importlib.util.find_spec("awslambdaric") is not None,
            "files": {path: describe(path, root) for path, root in roots.items()},
        },
        sys.stdout,
    )


def describe(path, root):
    try:
        tree = parse(path)
    except SyntaxError as error:
        return {"problem": "%s:%s:%s: %s" % (path, error.lineno, error.offset, error.msg)}
    except (OSError, ValueError) as error:
        return {"problem": "%s: %s" % (path, error)}
    names = top_level_names(tree)
    handler = next((name for name in HANDLERS if name in names), None)
    return {
        "handler": handler,
        "names": sorted(names),
        "description": description(tree, names.get(handler)),
        "files": sorted(local_files(path, root, tree)),
    }


def parse(path):
    with open(path, "rb") as file:
        return ast.parse(file.read(), path)


def top_level_names(tree):
    """By name: the node that defines it, also inside of a top-level if, try or with."""
    names = {}
    nodes = list(tree.body)
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                names.update({it.id: node for it in ast.walk(target) if isinstance(it, ast.Name)})
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = node
        else:
            for field in ("body", "orelse", "finalbody"):
                nodes.extend(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                nodes.extend(handler.body)
    return names


def description(tree, node):
    """The first paragraph of the docstring of the handler, or of the file."""
    text = None
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        text = ast.get_docstring(node)
    text = text or ast.get_docstring(tree) or ""
    return " ".join(text.split("\n\n")[0].split()) or None


def local_files(path, root, tree, found=None):
    """The file itself, and the files below the root that it imports."""
    found = set() if found is None else found
    found.add(path)
    folder = os.path.relpath(os.path.dirname(path), root)
    package = [] if folder == os.curdir else folder.split(os.sep)
    # Python runs the packages above a module, too.
    modules = [package]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: max(len(package) + 1 - node.level, 0)] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            modules += [base] + [base + [alias.name] for alias in node.names]
    for parts in modules:
        for depth in range(1, len(parts) + 1):
            stem = os.path.join(root, *parts[:depth])
            for file in (stem + ".py", os.path.join(stem, "__init__.py")):
                if file not in found and os.path.isfile(file):
                    try:
                        local_files(file, root, parse(file), found)
                    except (SyntaxError, OSError, ValueError):
                        found.add(file)
    return found


main()
