extension ProblemCase {
    /// Mistakes at the top of a fleet file, and in its instances.
    static let instances: [ProblemCase] = [
        ProblemCase(
            "no version",
            #"""
            fleet: a
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:1:1: error: the file has no `version`
                    hint: start it with the line “version: 1”
                """#
        ),
        ProblemCase(
            "version 2",
            #"""
            version: 2
            bananas: 3
            """#,
            tells: #"""
                fleet.yaml:1:10: error: unknown version of the fleet file
                    2
                    hint: this Convoy reads version 1
                """#
        ),
        ProblemCase(
            "unknown keys",
            #"""
            version: 1
            fleets: a
            zzzzzz: 1
            instances:
              - {name: a, hsot: b, dbname: a}
            """#,
            tells: #"""
                fleet.yaml:2:1: error: the fleet file has no key `fleets`
                    hint: did you mean `fleet`?
                fleet.yaml:3:1: error: the fleet file has no key `zzzzzz`
                    hint: available: `control`, `dashboard`, `defaults`, `discover`, `fleet`, `instances`, `journal`, `journal_keep`, `limits`, `migrations`, `notifications`, `rollout`, `secret_commands`, `servers`, `version`, `workers`
                fleet.yaml:5:15: error: an instance has no key `hsot`
                    hint: did you mean `host`?
                """#
        ),
        ProblemCase(
            "no instances",
            #"""
            version: 1
            """#,
            tells: #"""
                fleet.yaml:1:1: error: the file lists no instances
                    hint: list them under `instances`, or find them with `discover`
                """#
        ),
        ProblemCase(
            "empty instances",
            #"""
            version: 1
            instances: []
            """#,
            tells: #"""
                fleet.yaml:2:1: error: the file lists no instances
                    hint: list them under `instances`, or find them with `discover`
                """#
        ),
        ProblemCase(
            "null instances",
            #"""
            version: 1
            instances:
            fleet: x
            """#,
            tells: #"""
                fleet.yaml:2:1: error: `instances` has no value
                    hint: write a value, or remove the key
                """#
        ),
        ProblemCase(
            "instances not a list",
            #"""
            version: 1
            instances: {a: {host: b}}
            """#,
            tells: #"""
                fleet.yaml:2:12: error: `instances` must be a list, not a mapping
                    hint: write [a, b], or one “- ” line for each
                """#
        ),
        ProblemCase(
            "instance not a mapping",
            #"""
            version: 1
            instances: [alice]
            """#,
            tells: #"""
                fleet.yaml:2:13: error: an instance must be a mapping of keys to values, not a single value
                """#
        ),
        ProblemCase(
            "key is a mapping",
            #"""
            version: 1
            defaults: {{ user }: a}
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:2:12: error: a key must be a word, not a mapping
                    hint: text that begins with { or [ needs quotes
                """#
        ),
        ProblemCase(
            "bad limits",
            #"""
            version: 1
            limits: {total: 0, per_server: many, fast: 1}
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:2:17: error: `total` must be a whole number from 1 to 100000
                    0
                fleet.yaml:2:32: error: `per_server` must be a whole number from 1 to 100000
                    many
                fleet.yaml:2:38: error: `limits` has no key `fast`
                    hint: available: `per_server`, `total`
                """#
        ),
        ProblemCase(
            "limits not a mapping",
            #"""
            version: 1
            limits: 64
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:2:9: error: `limits` must be a mapping of keys to values, not a single value
                """#
        ),
        ProblemCase(
            "duplicate key",
            #"""
            version: 1
            instances:
              - name: a
                host: b
                host: c
            """#,
            tells: #"""
                fleet.yaml:5:5: error: `host` is given twice
                    hint: the first one is on line 4
                """#
        ),
        ProblemCase(
            "duplicate name",
            #"""
            version: 1
            instances:
              - {name: a, dbname: x}
              - {name: a, dbname: y}
            """#,
            tells: #"""
                fleet.yaml:4:12: error: two instances are called `a`
                    hint: the first one is on line 3
                """#
        ),
        ProblemCase(
            "no name",
            #"""
            version: 1
            instances:
              - {host: a}
            """#,
            tells: #"""
                fleet.yaml:3:5: error: an instance has no `name`
                    hint: give it one that is unique in the fleet
                """#
        ),
        ProblemCase(
            "bad name",
            #"""
            version: 1
            instances:
              - {name: a b}
              - {name: "", dbname: x}
              - {name: ./x, dbname: z}
            """#,
            tells: #"""
                fleet.yaml:3:12: error: `name` is not a valid name
                    a b
                    hint: use at most 128 ASCII letters, digits, “.”, “_” and “-”, and start with a letter or digit
                fleet.yaml:4:12: error: `name` is empty
                fleet.yaml:5:12: error: `name` is not a valid name
                    ./x
                    hint: use at most 128 ASCII letters, digits, “.”, “_” and “-”, and start with a letter or digit
                """#
        ),
        ProblemCase(
            "null value",
            #"""
            version: 1
            instances:
              - name: a
                host:
                user: ~
            """#,
            tells: #"""
                fleet.yaml:4:5: error: `host` has no value
                    hint: write a value, or remove the key
                fleet.yaml:5:5: error: `user` has no value
                    hint: write a value, or remove the key
                """#
        ),
        ProblemCase(
            "bad durations",
            #"""
            version: 1
            defaults: {lock_wait: 30, lock_timeout: 0s, statement_timeout: 2 hours, connect_timeout: 60d}
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:2:23: error: `lock_wait` is not a duration
                    30
                    hint: give it a unit, for example 30s
                fleet.yaml:2:41: error: `lock_timeout` is too short
                    0s
                    hint: it must be more than zero
                fleet.yaml:2:64: error: `statement_timeout` is not a duration
                    2 hours
                    hint: write a number and a unit (ms, s, m, h, d), for example 800ms or 1m30s
                fleet.yaml:2:90: error: `connect_timeout` is too long
                    60d
                    hint: the maximum is 24 days
                """#
        ),
        ProblemCase(
            "bad settings",
            #"""
            version: 1
            defaults: {strict: yes, audit: none, out_of_order: never, pooler: transaction}
            instances: [{name: a}]
            """#,
            tells: #"""
                fleet.yaml:2:20: error: `strict` must be true or false
                    yes
                fleet.yaml:2:32: error: `audit` must be one of database, journal-only
                    none
                fleet.yaml:2:52: error: `out_of_order` must be one of apply, warn, refuse
                    never
                fleet.yaml:2:67: error: `pooler` must be session or none
                    transaction
                    hint: for a pooler in another mode, give a `direct` host
                """#
        ),
        ProblemCase(
            "bad connection values",
            #"""
            version: 1
            instances:
              - name: a
                port: 99999
                sslmode: verify-ful
                host: postgres://u:hunter2@h/db
                keepalives_idle: long
                target_session_attrs: rw
            """#,
            tells: #"""
                fleet.yaml:4:11: error: `port` must be a whole number from 1 to 65535
                    99999
                fleet.yaml:5:14: error: `sslmode` must be one of disable, allow, prefer, require, verify-ca, verify-full
                    verify-ful
                fleet.yaml:6:11: error: `host` is a URL: write it under `url`
                fleet.yaml:7:22: error: `keepalives_idle` must be a whole number
                    long
                fleet.yaml:8:27: error: `target_session_attrs` must be one of any, read-write, read-only, primary, standby, prefer-standby
                    rw
                """#
        ),
        ProblemCase(
            "own keywords",
            #"""
            version: 1
            instances:
              - {name: a, replication: database, client_encoding: LATIN1}
            """#,
            tells: #"""
                fleet.yaml:3:15: error: `replication` cannot be set
                    hint: Convoy sets it: remove it
                fleet.yaml:3:38: error: `client_encoding` cannot be set
                    hint: Convoy sets it: remove it
                """#
        ),
        ProblemCase(
            "options",
            #"""
            version: 1
            instances:
              - {name: a, options: -c foo=bar}
            """#,
            tells: #"""
                fleet.yaml:3:15: warning: most poolers refuse `options`
                    hint: use a key of the fleet file, or ALTER ROLE … SET
                """#
        ),
        ProblemCase(
            "database and dbname",
            #"""
            version: 1
            instances:
              - {name: a, database: x, dbname: y}
            """#,
            tells: #"""
                fleet.yaml:3:28: error: `database` and `dbname` mean the same
                    hint: remove one of them
                """#
        ),
        ProblemCase(
            "bad labels",
            #"""
            version: 1
            instances:
              - name: a
                labels: {name: x, "a b": y, ring: "a b", list: [1], ok: }
            """#,
            tells: #"""
                fleet.yaml:4:14: error: a label cannot be called `name`
                    hint: in a selector this word is a property of the instance
                fleet.yaml:4:23: error: a label's key is not valid
                    hint: use at most 128 ASCII letters, digits, “.”, “_”, “-” and “/”
                fleet.yaml:4:39: error: label `ring` has a value that no selector can match
                    a b
                    hint: use letters, digits and . _ - / : @ [ ], without spaces
                fleet.yaml:4:52: error: `list` must be a single value, not a list
                fleet.yaml:4:57: error: `ok` has no value
                    hint: write a value, or remove the key
                """#
        ),
        ProblemCase(
            "same database",
            #"""
            version: 1
            instances:
              - {name: a, host: h, dbname: x}
              - {name: b, url: "postgresql://h:5432/x"}
            """#,
            tells: #"""
                fleet.yaml:4:12: error: `b` and `a` are the same database
                    hint: the other one is on line 3: same host, port and database name
                """#
        ),
        ProblemCase(
            "perhaps the same database",
            #"""
            version: 1
            instances:
              - {name: a, host: LOCALHOST, dbname: x}
              - {name: b, host: 127.0.0.1, dbname: x}
            """#,
            tells: #"""
                fleet.yaml:4:12: warning: `b` and `a` may be the same database
                    hint: the other one is on line 3: the hosts look like two spellings of one
                """#
        ),
    ]
}
