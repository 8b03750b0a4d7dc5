"""Calls a method of ML Metadata's service by gRPC-web, as KFP's page does. Runs in .venv-mlmd.

web.py URL METHOD JSON [text]: prints {"status", "message", "response", "type"}"""
import base64
import json
import struct
import sys
import urllib.request

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_service_pb2 as service

url, method, request, *how = sys.argv[1:]
message = json_format.Parse(request, getattr(service, method + "Request")()).SerializeToString() if hasattr(service, method + "Request") else b""
body = b"\0" + struct.pack(">I", len(message)) + message
kind = "application/grpc-web-text" if how else "application/grpc-web+proto"
with urllib.request.urlopen(urllib.request.Request(f"{url}/ml_metadata.MetadataStoreService/{method}", base64.b64encode(body) if how else body,
                                                   {"Content-Type": kind, "X-Grpc-Web": "1"}), timeout=120) as answer:
    got, content_type = answer.read(), answer.headers["Content-Type"]
got = base64.b64decode(got) if how else got
out = {"type": content_type, "response": None}
while got:
    flag, n = struct.unpack(">BI", got[:5])
    frame, got = got[5:5 + n], got[5 + n:]
    if flag & 0x80:
        fields = dict(line.split(":", 1) for line in frame.decode().split("\r\n") if line)
        out |= {"status": int(fields["grpc-status"]), "message": fields.get("grpc-message", "")}
    else:
        out["response"] = json_format.MessageToDict(getattr(service, method + "Response").FromString(frame), preserving_proto_field_name=True)
print(json.dumps(out))
