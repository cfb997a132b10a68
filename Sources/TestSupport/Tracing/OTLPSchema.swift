/// What OTLP says of the JSON of `ExportTraceServiceRequest`, from opentelemetry-proto 1.5: types, names in camel case, ids in lower-case hexadecimal,
/// numbers of 64 bits as strings, enumerations as numbers.
enum OTLPSchema {
    static let text = """
        {
          "type": "object", "required": ["resourceSpans"],
          "properties": {"resourceSpans": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/resourceSpans"}}},
          "$defs": {
            "resourceSpans": {
              "type": "object", "required": ["resource", "scopeSpans"],
              "properties": {
                "resource": {
                  "type": "object", "required": ["attributes"],
                  "properties": {"attributes": {"$ref": "#/$defs/attributes"}, "droppedAttributesCount": {"$ref": "#/$defs/uint32"}}
                },
                "scopeSpans": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scopeSpans"}},
                "schemaUrl": {"type": "string"}
              }
            },
            "scopeSpans": {
              "type": "object", "required": ["scope", "spans"],
              "properties": {
                "scope": {
                  "type": "object", "required": ["name"],
                  "properties": {"name": {"type": "string", "minLength": 1}, "version": {"type": "string"}, "attributes": {"$ref": "#/$defs/attributes"}}
                },
                "spans": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/span"}},
                "schemaUrl": {"type": "string", "pattern": "^https://opentelemetry[.]io/schemas/[0-9.]+$"}
              }
            },
            "span": {
              "type": "object", "required": ["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"],
              "properties": {
                "traceId": {"type": "string", "pattern": "^(?!0{32}$)[0-9a-f]{32}$"},
                "spanId": {"$ref": "#/$defs/spanId"},
                "parentSpanId": {"$ref": "#/$defs/spanId"},
                "traceState": {"type": "string"},
                "flags": {"$ref": "#/$defs/uint32"},
                "name": {"type": "string", "minLength": 1, "maxLength": 300},
                "kind": {"type": "integer", "minimum": 0, "maximum": 5},
                "startTimeUnixNano": {"$ref": "#/$defs/time"},
                "endTimeUnixNano": {"$ref": "#/$defs/time"},
                "attributes": {"$ref": "#/$defs/attributes"},
                "droppedAttributesCount": {"$ref": "#/$defs/uint32"},
                "events": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/event"}},
                "droppedEventsCount": {"$ref": "#/$defs/uint32"},
                "status": {
                  "type": "object",
                  "properties": {"message": {"type": "string", "maxLength": 300}, "code": {"type": "integer", "minimum": 0, "maximum": 2}}
                }
              }
            },
            "event": {
              "type": "object", "required": ["timeUnixNano", "name"],
              "properties": {
                "timeUnixNano": {"$ref": "#/$defs/time"},
                "name": {"type": "string", "minLength": 1},
                "attributes": {"$ref": "#/$defs/attributes"},
                "droppedAttributesCount": {"$ref": "#/$defs/uint32"}
              }
            },
            "attributes": {"type": "array", "items": {"$ref": "#/$defs/attribute"}},
            "attribute": {
              "type": "object", "required": ["key", "value"],
              "properties": {
                "key": {"type": "string", "pattern": "^[^ ]{1,300}$"},
                "value": {"oneOf": [{"$ref": "#/$defs/text"}, {"$ref": "#/$defs/whole"}, {"$ref": "#/$defs/truth"}]}
              }
            },
            "text": {"type": "object", "required": ["stringValue"], "properties": {"stringValue": {"type": "string", "maxLength": 300}}},
            "whole": {
              "type": "object", "required": ["intValue"], "properties": {"intValue": {"type": "string", "pattern": "^-?[0-9]{1,19}$"}}
            },
            "truth": {"type": "object", "required": ["boolValue"], "properties": {"boolValue": {"type": "boolean"}}},
            "spanId": {"type": "string", "pattern": "^(?!0{16}$)[0-9a-f]{16}$"},
            "time": {"type": "string", "pattern": "^[1-9][0-9]{0,19}$"},
            "uint32": {"type": "integer", "minimum": 0, "maximum": 4294967295}
          }
        }
        """
}
