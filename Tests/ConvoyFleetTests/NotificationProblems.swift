extension ProblemCase {
    /// Mistakes in `notifications`, whose URLs and headers are secrets.
    static let notifications: [ProblemCase] = [
        ProblemCase(
            "notifications",
            #"""
            version: 1
            instances: [{name: a, dbname: a}]
            notifications:
              - {url: "ftp://hunter2", format: xml, on: [halted, never], timeout: 0s, retries: 11}
              - format: json
                hook: hunter2
              - url: "https://h/${env:PW}"
                on: []
                timeout: 6m
                headers:
                  Authorization: Bearer hunter2
                  authorization: "${env:PW}"
                  Content-Length: 3
                  "X Token": hunter2
                  X-Token: "${env:PW}\nHost: hunter2"
                  X-Note: said openly
              - {url: "https://h/x", on: gate-waitin, headers: [hunter2]}
              - hunter2
              - {url: "https://${env:NONE}/"}
            """#,
            tells: #"""
                fleet.yaml:4:11: error: `url` must be an http or https URL
                fleet.yaml:4:36: error: `format` must be one of json, slack, teams, grafana
                    xml
                fleet.yaml:4:54: error: `on` must be one of run-started, gate-waiting, halted, run-finished
                    never
                fleet.yaml:4:71: error: `timeout` is too short
                    0s
                    hint: it must be more than zero
                fleet.yaml:4:84: error: `retries` must be a whole number from 0 to 10
                    11
                fleet.yaml:5:5: error: a notification has no `url`
                    hint: write for example - {url: "${env:HOOK_URL}", on: [gate-waiting, run-finished]}
                fleet.yaml:6:5: error: a notification has no key `hook`
                    hint: available: `format`, `headers`, `on`, `retries`, `timeout`, `url`
                fleet.yaml:8:9: error: `on` is empty
                    hint: name an occasion, or remove the key to be notified of all
                fleet.yaml:9:14: error: `timeout` is too long
                    6m
                    hint: the maximum is 5m, because a run waits for its last notifications
                fleet.yaml:11:22: warning: header `Authorization` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:12:7: error: the header `authorization` is given twice
                    hint: the first one is on line 11
                fleet.yaml:13:7: error: the header `Content-Length` cannot be set
                    hint: Convoy sets it: remove it
                fleet.yaml:14:7: error: a header's name is not valid
                    hint: use letters, digits and “-”
                fleet.yaml:15:16: warning: header `X-Token` holds a line break
                    hint: remove it unless it is part of the password; `printf %s` writes no line break
                fleet.yaml:15:16: error: the header `X-Token` contains a character that is not allowed in a header
                    hint: write one line of ASCII characters
                fleet.yaml:17:30: error: `on` must be one of run-started, gate-waiting, halted, run-finished
                    gate-waitin
                fleet.yaml:17:52: error: `headers` must be a mapping of keys to values, not a list
                fleet.yaml:18:5: error: a notification must be a mapping of keys to values, not a single value
                fleet.yaml:19:11: error: environment variable NONE is not set
                    hint: set it, or give a default: ${env:NONE:-…}
                """#
        ),
        ProblemCase(
            "ports that no server can have",
            #"""
            version: 1
            instances: [{name: a, dbname: a}, {name: b, dbname: b}]
            notifications:
              - {url: "https://u:hunter2@h:99999/x"}
            dashboard: https://convoy.internal:0/
            rollout:
              waves:
                - {name: a, count: 1, gate: {http: "http://u:hunter2@h:65536/"}}
                - {name: b}
            """#,
            tells: #"""
                fleet.yaml:4:11: error: `url`: its port is not a number from 1 to 65535
                    hint: correct the port, or remove it for that of the scheme
                fleet.yaml:5:12: error: `dashboard`: its port is not a number from 1 to 65535
                    hint: correct the port, or remove it for that of the scheme
                fleet.yaml:8:40: error: `http`: its port is not a number from 1 to 65535
                    hint: correct the port, or remove it for that of the scheme
                """#
        ),
        ProblemCase(
            "dashboard with a login",
            "version: 1\ninstances: [{name: a, dbname: a}]\ndashboard: https://u:hunter2@convoy.internal/",
            tells: """
                fleet.yaml:3:12: error: `dashboard` has more than a host and a path
                    hint: write for example https://convoy.internal/convoy
                """
        ),
        ProblemCase(
            "dashboard without a scheme",
            "version: 1\ninstances: [{name: a, dbname: a}]\ndashboard: convoy.internal",
            tells: """
                fleet.yaml:3:12: error: `dashboard` must be an http or https URL
                    convoy.internal
                    hint: write for example https://convoy.internal
                """
        ),
        ProblemCase(
            "no list of notifications",
            "version: 1\ninstances: [{name: a, dbname: a}]\nnotifications: https://hooks/hunter2",
            tells: #"""
                fleet.yaml:3:16: error: `notifications` must be a list, not a single value
                    hint: write for example - {url: "${env:HOOK_URL}", on: [gate-waiting, run-finished]}
                """#
        ),
        ProblemCase(
            "an empty list of notifications",
            "version: 1\ninstances: [{name: a, dbname: a}]\nnotifications: []",
            tells: """
                fleet.yaml:3:16: error: `notifications` is empty
                    hint: list one, or remove the key
                """
        ),
    ]
}
