"""Reads what `dhow lineage` exports with other people's libraries, and prints what they found. Runs in .venv-mlmd.

exports.py prov FILE | exports.py slsa FILE"""
import json
import sys

kind, path = sys.argv[1:]
with open(path, encoding="utf-8") as f:
    text = f.read()
if kind == "prov":
    from prov.model import ProvDocument

    document = ProvDocument.deserialize(content=text, format="json")
    counts = {}
    for record in document.get_records():
        name = type(record).__name__
        counts[name] = counts.get(name, 0) + 1
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    print(json.dumps({"counts": counts, "same": again == document}))
else:
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    statement = json_format.Parse(text, statement_pb2.Statement())  # unknown fields are errors
    Statement.copy_from_pb(statement).validate()
    provenance = json_format.ParseDict(json_format.MessageToDict(statement.predicate), provenance_pb2.Provenance())
    print(json.dumps({"subject": statement.subject[0].digest["sha256"], "predicate": statement.predicate_type,
                      "dependencies": [dict(d.digest) for d in provenance.build_definition.resolved_dependencies],
                      "parameters": json_format.MessageToDict(provenance.build_definition.external_parameters)["parameters"],
                      "builder": provenance.run_details.builder.id, "invocation": provenance.run_details.metadata.invocation_id}))
