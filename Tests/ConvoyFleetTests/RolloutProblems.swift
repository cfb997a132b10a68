extension ProblemCase {
    /// Mistakes in `rollout` and discovery.
    static let rollout: [ProblemCase] = [
        ProblemCase(
            "waves",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {select: "ring=canary"}
                - {name: x, select: "", count: 3}
                - {name: x, percent: 0}
                - {name: x, percent: 200%, max_parallel: none}
                - {name: y, count: 1.5, stop: {failures: 0, sam_failure: 1}}
                - nothing
                - {name: z, names: [], stop: {}}
            """#,
            tells: #"""
                fleet.yaml:5:7: error: a wave has no `name`
                    hint: give it one, for example canary
                fleet.yaml:6:29: error: wave `x` chooses its instances by `select` and `count`
                    hint: one of them is enough; make two waves of it
                fleet.yaml:7:26: error: `percent` must be a percentage: more than 0 and at most 100
                    0
                fleet.yaml:8:26: error: `percent` must be a percentage: more than 0 and at most 100
                    200%
                fleet.yaml:8:46: error: `max_parallel` must be a whole number from 1 to 100000
                    none
                fleet.yaml:9:24: error: `count` must be a whole number of at least 1
                    1.5
                fleet.yaml:9:46: error: `failures` must be a whole number of at least 1
                    0
                fleet.yaml:9:49: error: `stop` has no key `sam_failure`
                    hint: did you mean `same_failure`?
                fleet.yaml:10:7: error: a wave must be a mapping of keys to values, not a single value
                fleet.yaml:11:24: error: `names` is empty
                    hint: name at least one instance
                fleet.yaml:11:28: error: `stop` says nothing
                    hint: write for example {failures: 1}, or take it out
                """#
        ),
        ProblemCase(
            "no waves",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout: {waves: []}
            """#,
            tells: #"""
                fleet.yaml:3:18: error: `waves` is empty
                    hint: list a wave, or take the key out: then it is one wave of everything
                """#
        ),
        ProblemCase(
            "bad selectors",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: a, select: ""}
                - name: b
                  select: ring=a region=b
                - {name: c, select: "ring = ca*"}
                - {name: d, select: "region in eu"}
                - {name: e, select: 'region in (eu'}
                - {name: f, select: 'a=b,'}
                - {name: g, select: 'a is b'}
                - {name: h, select: 'name~'}
                - {name: i, select: '=b'}
                - {name: j, select: 'a!b'}
                - {name: k, select: 'a="b"'}
                - name: l
                  select: !legacy
            """#,
            tells: #"""
                fleet.yaml:5:26: error: the selector is empty
                    hint: write for example ring=canary, or leave it out to mean everything
                fleet.yaml:7:22: error: terms are joined with commas
                    ring=a region=b
                    hint: write for example ring=canary,!legacy
                fleet.yaml:8:35: error: “*” cannot stand in a value
                    ring = ca*
                    hint: a pattern takes ~ instead of =
                fleet.yaml:9:36: error: a list in parentheses is expected
                    region in eu
                    hint: write for example region in (eu,us)
                fleet.yaml:10:39: error: the list is not closed
                    region in (eu
                    hint: write “)” after the last value
                fleet.yaml:11:29: error: there is no term after the comma
                    a=b,
                fleet.yaml:12:28: error: “is” is no operator
                    a is b
                    hint: the operators are =, ==, !=, ~, in (…) and notin (…)
                fleet.yaml:13:31: error: there is no pattern after “~”
                    name~
                    hint: write for example name~team-*
                fleet.yaml:14:26: error: a label's key is expected
                    =b
                    hint: write for example ring=canary
                fleet.yaml:15:28: error: “!” must be followed by “=” here
                    a!b
                    hint: to mean “has no label”, write !a
                fleet.yaml:16:28: error: “"” cannot stand in a value
                    a="b"
                fleet.yaml:18:15: error: tags are not supported
                    hint: text that begins with “!” needs quotes, for example "!legacy"
                """#
        ),
        ProblemCase(
            "waves that select nothing",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: none, select: "ring=nosuch"}
                - {name: who, names: [a, bb]}
                - {name: again, select: ring=canary}
                - {name: most, percent: 60}
                - {name: rest}
                - {name: late, count: 1}
            """#,
            tells: #"""
                fleet.yaml:5:14: error: wave `none` selects nothing: no instance is meant or left
                    hint: change what it selects, or take it out
                fleet.yaml:6:30: error: there is no instance `bb`
                    hint: there is `a`, `b`, `c`
                fleet.yaml:7:14: error: wave `again` selects nothing: earlier waves take all that it means
                    hint: change what it selects, or take it out
                fleet.yaml:9:14: warning: wave `rest` selects nothing: no instance is meant or left
                    hint: change what it selects, or take it out
                fleet.yaml:10:14: error: wave `late` selects nothing: `rest` before it takes the rest
                    hint: put it before that one
                """#
        ),
        ProblemCase(
            "overlap and left over",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: one, select: "name in (a,b)"}
                - {name: two, select: "name in (b,c)"}
            """#,
            tells: #"""
                fleet.yaml:6:14: warning: wave `two` also selects `b`, taken by earlier waves such as `one`
                    hint: an instance belongs to the first wave that selects it
                """#
        ),
        ProblemCase(
            "left pending",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: one, names: [a]}
            """#,
            tells: #"""
                fleet.yaml:2:66: warning: no wave selects `b` and 1 more: left pending
                    hint: a last wave without `select` takes the rest
                """#
        ),
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
                      - {sql: b}
                      - {name: a, sql: c, when: d}
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
                    hint: name a file, for example .convoy/journal.sqlite
                fleet.yaml:8:7: error: wave `canary` has both `one_per` and `count`
                    hint: how many it takes follows from the kinds that there are: leave one of them out, or make two waves of it
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
                    hint: it is never a shell string: write [program, argument, …]
                fleet.yaml:16:13: error: a check has no `sql`
                    hint: write for example {name: cars-readable, sql: "SELECT count(*) >= 0 FROM cars"}
                fleet.yaml:17:13: error: a check has no `name`
                    hint: write for example {name: cars-readable, sql: "SELECT count(*) >= 0 FROM cars"}
                fleet.yaml:18:13: error: two checks are called `a`
                    hint: the first one is on line 16
                fleet.yaml:18:31: error: a check has no key `when`
                    hint: there is `expect`, `name`, `sql`
                fleet.yaml:19:20: error: `gate` says nothing
                    hint: write for example {soak: 10m}, or take it out
                fleet.yaml:19:54: error: `failure_percent` must be a percentage: more than 0 and at most 100
                    0
                fleet.yaml:19:71: error: `same_failure` must be a whole number of at least 1
                    no
                fleet.yaml:20:11: error: `checks` is empty
                    hint: list a check, or take the key out
                fleet.yaml:22:22: error: `before_instance` must be a list, not a single value
                    hint: it is never a shell string: write [program, argument, …]
                fleet.yaml:23:21: error: `after_instance` names no program
                    hint: it is never a shell string: write [program, argument, …]
                fleet.yaml:24:24: error: nothing can be filled in for the word in braces
                    hint: there is {fleet}, {run}, {wave}
                fleet.yaml:25:5: error: `hooks` has no key `at_night`
                    hint: there is `after_instance`, `after_run`, `after_wave`, `before_instance`, `before_run`, `before_wave`, `timeout`
                fleet.yaml:26:21: error: nothing can be filled in for the word in braces
                    hint: there is {fleet}, {run}
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
                    hint: there is `days`, `from`, `timezone`, `to`
                """#
        ),
        ProblemCase(
            "discover",
            #"""
            version: 1
            servers: {s: {host: h}}
            discover:
              - {server: s, databases: "teslamate_*", exclude: teslamate_template, labels: {ring: stable}}
              - {server: t, databases: x}
              - {databases: x, name: "{databse}"}
              - {server: s, name: same}
              - {server: s, databases: x, name: "a b {database}", url: x}
              - {server: s, databases: x, name: {database}}
            """#,
            tells: #"""
                fleet.yaml:5:14: error: there is no server of this name
                    t
                    hint: there is `s`
                fleet.yaml:6:5: error: a `discover` entry has no `server`
                    hint: write for example {server: eu-1, databases: "teslamate_*"}
                fleet.yaml:6:26: error: nothing can be filled in for {databse}
                    {databse}
                    hint: there is {database} and {server}
                fleet.yaml:7:5: error: a `discover` entry has no `databases`
                    hint: write for example {server: eu-1, databases: "teslamate_*"}
                fleet.yaml:7:23: error: every database found would get the same name
                    same
                    hint: put {database} into it
                fleet.yaml:8:37: error: `name` does not make a name
                    a b {database}
                    hint: around {database} it has ASCII letters, digits, “.”, “_” and “-”
                fleet.yaml:8:55: error: a `discover` entry has no key `url`
                fleet.yaml:9:37: error: `name` must be a single value, not a mapping
                    hint: text that begins with { needs quotes
                """#
        ),
    ]
}
