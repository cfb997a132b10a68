extension ProblemCase {
    /// Mistakes in gates, stop rules, checks, hooks, the window and the journal.
    static let gates: [ProblemCase] = [
        ProblemCase(
            "everything else of a rollout",
            #"""
            version: 1
            journal: mysql://u:hunter2@h
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - name: canary
                  count: 1
                  one_per: region
                  on_failure: explode
                  gate:
                    soak: 10
                    approve: maybe
                    http: ftp://hunter2
                    command: rm -rf /
                    checks:
                      - {name: a}
                      - {sql: SELECT 1}
                      - {name: a, sql: TABLE c, when: d}
                - {name: rest, gate: {}, stop: {failure_percent: 0, same_failure: no}}
              checks: []
              hooks:
                before_instance: docker stop hunter2
                after_instance: []
                after_wave: [echo, "{name}"]
                at_night: [a]
                before_run: [a, "{hunter2}"]
              window: {days: [saturday], from: "25:00", to: 1, zone: x}
            """#,
            tells: #"""
                fleet.yaml:2:10: error: `journal` is not a path
                    hint: name a file, for example .convoy/journal.sqlite, or a control database: postgresql://…
                fleet.yaml:8:7: error: wave `canary` has both `one_per` and `count`
                    hint: `one_per` already decides how many instances it takes: remove one of them, or write two waves
                fleet.yaml:8:16: error: `one_per` must be cohort or a label
                    region
                    hint: write for example label.region
                fleet.yaml:9:19: error: `on_failure` must be one of continue, halt, rollback-instance, rollback
                    explode
                fleet.yaml:11:15: error: `soak` is not a duration
                    10
                    hint: give it a unit, for example 10s
                fleet.yaml:12:18: error: `approve` must be true or false
                    maybe
                fleet.yaml:13:15: error: `http` must be an http or https URL
                fleet.yaml:14:18: error: `command` must be a list, not a single value
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:16:13: error: a check has no `sql`
                    hint: write for example {name: cars-readable, sql: "SELECT count(*) >= 0 FROM cars"}
                fleet.yaml:17:13: error: a check has no `name`
                    hint: write for example {name: cars-readable, sql: "SELECT count(*) >= 0 FROM cars"}
                fleet.yaml:18:13: error: two checks are called `a`
                    hint: the first one is on line 16
                fleet.yaml:18:37: error: a check has no key `when`
                    hint: available: `expect`, `name`, `sql`
                fleet.yaml:19:20: error: `gate` is empty
                    hint: write for example {soak: 10m}, or remove it
                fleet.yaml:19:54: error: `failure_percent` must be a percentage: more than 0 and at most 100
                    0
                fleet.yaml:19:71: error: `same_failure` must be a whole number of at least 1
                    no
                fleet.yaml:20:11: error: `checks` is empty
                    hint: list a check, or remove the key
                fleet.yaml:22:22: error: `before_instance` must be a list, not a single value
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:23:21: error: `after_instance` names no program
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:24:24: error: the word in braces is not a known placeholder
                    hint: available: {fleet}, {run}, {wave}
                fleet.yaml:25:5: error: `hooks` has no key `at_night`
                    hint: available: `after_instance`, `after_run`, `after_wave`, \#
                `before_instance`, `before_run`, `before_wave`, `environment`, `timeout`
                fleet.yaml:26:21: error: the word in braces is not a known placeholder
                    hint: available: {fleet}, {run}
                fleet.yaml:27:11: error: `window` has no `timezone`
                    hint: write for example {from: "01:00", to: "05:00", timezone: Europe/Berlin}
                fleet.yaml:27:19: error: `days` must be one of mon, tue, wed, thu, fri, sat, sun
                    saturday
                fleet.yaml:27:36: error: `from` is not a time of day
                    25:00
                    hint: write hours and minutes in quotes, for example "01:00"
                fleet.yaml:27:49: error: `to` is not a time of day
                    1
                    hint: write hours and minutes in quotes, for example "01:00"
                fleet.yaml:27:52: error: `window` has no key `zone`
                    hint: available: `days`, `from`, `timezone`, `to`
                """#
        ),
        ProblemCase(
            "gates",
            #"""
            version: 1
            instances: [{name: a, dbname: a}, {name: b, dbname: b}, {name: c, dbname: c}, {name: d, dbname: d}, {name: e, dbname: e}]
            rollout:
              waves:
                - {name: a, count: 1, gate: {soak: 0s, approve: false}}
                - {name: b, count: 1, gate: {soak: 1m, every: 2m, http: "https://"}}
                - {name: c, count: 1, gate: {soak: 1m, every: 10s, approve: true}}
                - {name: d, count: 1, gate: {every: 0s, http: "http:/hunter2", command: [" "]}}
                - {name: e, gate: {soak: 30d, command: [a, "${env:PW}", "{wave}{name}"]}}
            """#,
            tells: #"""
                fleet.yaml:5:27: warning: `gate` requires nothing
                    hint: write for example {soak: 10m}, or remove it
                fleet.yaml:6:44: warning: `every` is longer than the soak
                    hint: repetition stops when `soak` ends: make `soak` longer
                fleet.yaml:6:61: error: `http` must be an http or https URL
                fleet.yaml:7:44: warning: `every` has no effect
                    hint: it repeats checks, command and http: add one of them, or remove it
                fleet.yaml:8:41: error: `every` is too short
                    0s
                    hint: it must be more than zero
                fleet.yaml:8:51: error: `http` must be an http or https URL
                fleet.yaml:8:78: error: `command` names no program
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:9:17: warning: the gate of `e` has no effect: no wave comes after it
                    hint: move it to an earlier wave, or remove it; `checks` of `rollout` run on every instance
                fleet.yaml:9:30: error: `soak` is too long
                    30d
                    hint: the maximum is 24 days
                fleet.yaml:9:48: warning: every user of this machine can read a program's arguments
                    hint: if this is a secret, let the program read it from a file or from its environment
                fleet.yaml:9:61: error: the word in braces is not a known placeholder
                    hint: available: {fleet}, {run}, {wave}
                """#
        ),
        ProblemCase(
            "checks",
            #"""
            version: 1
            instances: [{name: a, dbname: a}]
            rollout:
              checks:
                - {name: a, sql: "  ; -- nothing"}
                - {name: b, sql: "SELECT 1; SELECT ';'; SELECT 3;"}
                - {name: c, sql: "SELECT 'x"}
                - {name: d, sql: "", expect: [a]}
                - {name: e, sql: SELECT true, expect: true}
                - {name: f, sql: SELECT true, expect: false}
                - {name: g, sql: SELECT true, expect: "true"}
                - {name: h, sql: "SELECT ';' -- one;\n;", expect: ""}
                - {name: i, sql: "/* no */ DELETE FROM cars RETURNING id"}
                - {name: j, sql: "(VALUES (1))"}
            """#,
            tells: #"""
                fleet.yaml:5:22: error: `sql` contains no statement
                      ; -- nothing
                    hint: write one that returns one row with one column
                fleet.yaml:6:22: error: `sql` contains 3 statements
                    SELECT 1; SELECT ';'; SELECT 3;
                    hint: a health check is one query: write 3 checks
                fleet.yaml:7:22: error: `sql` is not a statement: this string is never closed
                fleet.yaml:8:22: error: `sql` is empty
                fleet.yaml:8:34: error: `expect` must be a single value, not a list
                fleet.yaml:9:43: warning: `expect` is compared with text, and PostgreSQL writes a boolean as t or f
                    hint: remove it: a check without `expect` expects true
                fleet.yaml:10:43: warning: `expect` is compared with text, and PostgreSQL writes a boolean as t or f
                    hint: write f, or quote it if you mean the text
                fleet.yaml:13:22: error: `sql` is not a query
                    /* no */ DELETE FROM cars RETURNING id
                    hint: write a SELECT that returns one row with one column
                """#
        ),
        ProblemCase(
            "hooks",
            #"""
            version: 1
            instances: [{name: a, dbname: a}]
            rollout:
              hooks:
                timeout: 0s
                before_run: ["${env:PW}/x", "${env:NONE:-a}", "${env:PW}x", "$${env:PW}"]
                after_run: ["", a]
                after_wave: [a, {b: c}]
                before_wave: [a, "{label.x}", "{wave}{{wave}}{wave }"]
                before_instance: [a, "{label.}", "{label.x}{name}"]
            """#,
            tells: #"""
                fleet.yaml:5:14: error: `timeout` is too short
                    hint: it must be more than zero
                fleet.yaml:6:51: warning: every user of this machine can read a program's arguments
                    hint: if this is a secret, let the program read it from a file or from its environment
                fleet.yaml:7:17: error: `after_run` names no program
                    hint: it is not a shell string: write [program, argument, …]
                fleet.yaml:8:21: error: `after_wave` must be a single value, not a mapping
                    hint: text that begins with { needs quotes
                fleet.yaml:9:22: error: the word in braces is not a known placeholder
                    hint: available: {fleet}, {run}, {wave}
                fleet.yaml:10:26: error: the word in braces is not a known placeholder
                    hint: available: {fleet}, {run}, {wave}, {name}, {server}, {database}, {label.KEY}
                """#
        ),
        ProblemCase(
            "no hooks, and the journal",
            #"""
            version: 1
            journal: postgresql://u:hunter2@h?connect_timeout=3
            instances: [{name: a, dbname: a}]
            rollout: {hooks: {timeout: 5m}, window: {}}
            """#,
            tells: #"""
                fleet.yaml:2:1: error: `journal` has a `connect_timeout`
                    hint: remove it: Convoy bounds each attempt itself
                fleet.yaml:2:10: error: `journal` names no database
                    hint: write for example postgresql://convoy@host:5432/convoy
                fleet.yaml:2:10: warning: the password in `journal` is written in the fleet file
                    hint: use ${env:NAME}, ${file:PATH} or a password file
                fleet.yaml:4:11: error: `hooks` is empty
                    hint: list a hook, or remove the key
                fleet.yaml:4:41: error: `window` has no `from`
                    hint: write for example {from: "01:00", to: "05:00", timezone: Europe/Berlin}
                fleet.yaml:4:41: error: `window` has no `timezone`
                    hint: write for example {from: "01:00", to: "05:00", timezone: Europe/Berlin}
                fleet.yaml:4:41: error: `window` has no `to`
                    hint: write for example {from: "01:00", to: "05:00", timezone: Europe/Berlin}
                """#
        ),
        gate(
            "{soak: 1m, approve_within: 2h}",
            tells: """
                fleet.yaml:3:46: warning: `approve_within` has no effect
                    hint: it limits the wait for an approval: add `approve: true`, or remove it
                """
        ),
        gate(
            "{approve: true, approve_within: 0s}",
            tells: """
                fleet.yaml:3:67: error: `approve_within` is too short
                    0s
                    hint: it must be more than zero
                """
        ),
        gate(
            "{approve: true, approve_within: 30}",
            tells: """
                fleet.yaml:3:67: error: `approve_within` is not a duration
                    30
                    hint: give it a unit, for example 30s
                """
        ),
        window(
            "{from: \"01:00\", to: \"01:00\", timezone: UTC}",
            tells: """
                fleet.yaml:3:39: error: the maintenance window has no length
                    01:00
                    hint: give different times for `from` and `to`; the whole day is from "00:00" to "24:00"
                """
        ),
        window(
            "{from: \"24:00\", to: \"24:01\", timezone: UTC, days: []}",
            tells: """
                fleet.yaml:3:26: error: `from` is not a time of day
                    24:00
                    hint: write hours and minutes in quotes, for example "01:00"
                fleet.yaml:3:39: error: `to` is not a time of day
                    24:01
                    hint: write hours and minutes in quotes, for example "01:00"
                fleet.yaml:3:69: error: `days` is empty
                    hint: remove it to allow every day
                """
        ),
        window(
            "{from: \"01:00\", to: \"05:00\", timezone: Europe/Belrin}",
            tells: """
                fleet.yaml:3:58: error: `timezone` is not the name of a time zone
                    Europe/Belrin
                    hint: did you mean `Europe/Berlin`?
                """
        ),
        window(
            "{from: \"01:00\", to: \"05:00\", timezone: IST}",
            tells: """
                fleet.yaml:3:58: error: `timezone` is not the name of a time zone
                    IST
                    hint: write for example Europe/Berlin or UTC
                """
        ),
        window(
            "{from: \"01:00\", to: \"05:00\", timezone: ../../etc/passwd}",
            tells: """
                fleet.yaml:3:58: error: `timezone` is not the name of a time zone
                    ../../etc/passwd
                    hint: write for example Europe/Berlin or UTC
                """
        ),
    ]

    private static func gate(_ gate: String, tells told: String) -> ProblemCase {
        ProblemCase(
            "gate \(gate)",
            "version: 1\ninstances: [{name: a, dbname: a}]\nrollout: {waves: [{name: a, gate: \(gate)}]}",
            // It is the last wave's gate, so this comes first.
            tells: """
                fleet.yaml:3:29: warning: the gate of `a` has no effect: no wave comes after it
                    hint: move it to an earlier wave, or remove it; `checks` of `rollout` run on every instance
                \(told)
                """
        )
    }

    private static func window(_ window: String, tells told: String) -> ProblemCase {
        ProblemCase("window \(window)", "version: 1\ninstances: [{name: a, dbname: a}]\nrollout: {window: \(window)}", tells: told)
    }
}
