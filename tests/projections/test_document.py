"""What the API says of itself."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from counter import Promises
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from projections.problems import BY_NAME, KINDS, Problem, named, response
from projections.routes.health import EXPOSITION
from projections.server import create_api
from schemas.rules import Rules

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def document():
    api = create_api(
        None,  # type: ignore[arg-type]  # nobody asks
        rules=lambda: Rules(version="none"),
        skews=dict,
        clock=None,  # type: ignore[arg-type]  # as above
        keys=lambda _: None,
        intake=None,  # type: ignore[arg-type]  # as above
        ready=None,  # type: ignore[arg-type]  # as above
        reserving=None,  # type: ignore[arg-type]  # as above
        ruling=object(),  # type: ignore[arg-type]  # as above
    )
    return api.openapi()


@pytest.fixture(scope="module")
def operations(document):
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_given_the_document_then_it_is_openapi_3_1_whose_references_lead_somewhere(document):
    assert document["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(document)
    for ref in re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(document)):
        place = document
        for step in ref.split("/"):
            place = place[step]
    for schema in document["components"]["schemas"].values():
        assert jsonschema_rs.meta.is_valid(schema)


def test_given_an_operation_then_it_has_a_name_a_tag_and_says_what_it_does(document, operations):
    idents = [operation["operationId"] for _, _, operation in operations]
    assert len(set(idents)) == len(idents)
    tags = {tag["name"] for tag in document["tags"]}
    for _, path, operation in operations:
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", operation["operationId"])
        assert set(operation["tags"]) <= tags
        assert len(operation["tags"]) == 1
        assert len(operation["description"]) > 10
        assert ("security" in operation) == (path.startswith("/v1/") or path == "/metrics")
        parameters = operation.get("parameters", [])
        assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
        for parameter in parameters:
            assert jsonschema_rs.meta.is_valid(parameter["schema"])
            assert "null" not in json.dumps(parameter["schema"])


def resolved(document, schema):
    schema = next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)
    return (
        document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    )


def test_given_an_operation_then_what_it_takes_and_answers_has_a_schema_and_an_example(document, operations):
    for _, path, operation in operations:
        for status, said in operation["responses"].items():
            assert "X-Request-Id" in said["headers"]
            if status == "304":
                continue
            ((media, content),) = said["content"].items()
            if (path, status) == ("/metrics", "200"):
                assert (media, content["schema"]) == (EXPOSITION, {"type": "string"})
                assert content["example"]
                continue
            assert media == ("application/json" if int(status) < 400 else "application/problem+json")
            schema = resolved(document, content["schema"])
            assert schema["properties"]
            if int(status) >= 400:
                assert content["examples"]
        body = operation.get("requestBody", {"content": {}})
        for media, content in body["content"].items():
            schema = resolved(document, content["schema"])
            assert (
                media == "*/*" or content.get("example") or content.get("examples") or schema.get("examples")
            )


def test_given_an_example_then_its_schema_allows_it(document):
    components = Promises(document).components
    shown = 0
    for schema in components["schemas"].values():
        for example in schema.get("examples", []):
            jsonschema_rs.validate({**schema, "components": components}, example)
            shown += 1
    assert shown > 20
    problem = components["schemas"]["Problem"]
    for example in components["examples"].values():
        jsonschema_rs.validate({**problem, "components": components}, example["value"])


def test_given_any_operation_under_v1_then_it_says_what_any_of_them_may_answer(operations):
    for _, path, operation in operations:
        wanted = (
            {"400", "401", "403", "422", "429", "500", "503"} if path.startswith("/v1/") else {"500", "503"}
        )
        wanted |= {"408", "413"} if "requestBody" in operation else set()
        assert wanted <= operation["responses"].keys()


# -- problems


def raised():
    """Status and title of every problem that the code makes, where it says both; a title with a part that varies as a pattern."""
    for room in ("projections", "streams"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Problem":
                    status, title = node.args[:2]
                    if isinstance(status, ast.Constant) and isinstance(status.value, int):
                        yield path, status.value, title


def test_given_every_problem_that_is_raised_then_it_is_in_the_table():
    table = {(kind.status, kind.title) for kind in KINDS}
    found = list(raised())
    assert len(found) > 30
    for path, status, title in found:
        if isinstance(title, ast.Constant):
            assert (status, title.value) in table, path
        else:
            assert isinstance(title, ast.JoinedStr), (path, ast.unparse(title))
            pattern = "".join(
                re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in title.values
            )
            assert any(status == kind and re.fullmatch(pattern, said) for kind, said in table), path


def test_given_the_table_then_names_are_unique_and_every_kind_is_raised_somewhere():
    assert len(BY_NAME) == len(KINDS)
    titles = {title.value for _, _, title in raised() if isinstance(title, ast.Constant)}
    patterned = {"Not released", "Not converted"}
    by_the_framework = {"Not found", "Method not allowed"}
    assert {kind.title for kind in KINDS} - titles == patterned | by_the_framework


def test_given_a_problem_then_its_type_is_the_name_of_its_kind_and_its_instance_the_request():
    answer = response(Problem(404, "Unknown SKU", "it has not moved"), "r-1")
    assert json.loads(answer.body) == {
        "type": "urn:onhand:problem:unknown-sku",
        "title": "Unknown SKU",
        "status": 404,
        "detail": "it has not moved",
        "instance": "urn:request:r-1",
    }
    assert named("A bundle has no shelf") in BY_NAME


def test_given_a_detail_with_half_a_character_then_it_can_be_told_all_the_same():
    assert json.loads(response(Problem(422, "Bad rules", "no rule '\ud800'")).body)["detail"] == "no rule '?'"
