extension ProblemCase {
    /// Mistakes in waves and discovery.
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
                fleet.yaml:6:29: error: wave `x` selects its instances by `select` and `count`
                    hint: use one of them, or write two waves
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
                fleet.yaml:11:28: error: `stop` is empty
                    hint: write for example {failures: 1}, or remove it
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
                    hint: list a wave, or remove the key to run all instances as one wave
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
                - {name: k, select: 'a="b'}
                - name: l
                  select: !legacy
            """#,
            tells: #"""
                fleet.yaml:5:26: error: the selector is empty
                    hint: write for example ring=canary, or omit it to select all instances
                fleet.yaml:7:22: error: terms are joined with commas
                    ring=a region=b
                    hint: write for example ring=canary,!legacy; a value with spaces needs quotes
                fleet.yaml:8:35: error: “*” is not allowed in a value without quotes
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
                fleet.yaml:12:28: error: “is” is not an operator
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
                fleet.yaml:16:28: error: the quote is not closed
                    a="b
                    hint: write " after the value
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
                fleet.yaml:5:14: error: wave `none` selects nothing: no instance has the label ring=nosuch
                    hint: available: canary
                fleet.yaml:6:30: error: unknown instance `bb`
                    hint: available: `a`, `b`, `c`
                fleet.yaml:7:14: error: wave `again` selects nothing: earlier waves take all instances that it selects
                    hint: change what it selects, or remove it
                fleet.yaml:9:14: warning: wave `rest` selects nothing: no matching instance is left
                    hint: change what it selects, or remove it
                fleet.yaml:10:14: error: wave `late` selects nothing: the earlier wave `rest` takes the rest
                    hint: move it before that wave
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
            "one per kind",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {region: eu}}, {name: b, dbname: b}, {name: c, dbname: c}, {name: d, dbname: d}]
            rollout:
              waves:
                - {name: v, one_per: label.server}
                - {name: x, one_per: label.}
                - {name: y, one_per: cohort, percent: 5}
                - {name: z, one_per: cohort, select: "ring=nosuch"}
                - {name: rest}
            """#,
            tells: #"""
                fleet.yaml:5:26: error: a label cannot be called `server`
                    label.server
                    hint: use a label with another name
                fleet.yaml:6:26: error: `one_per` must be cohort or a label
                    label.
                    hint: write for example label.region
                fleet.yaml:7:17: error: wave `y` has both `one_per` and `percent`
                    hint: `one_per` already decides how many instances it takes: remove one of them, or write two waves
                """#
        ),
        ProblemCase(
            "what one per label leaves",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {region: eu}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: canary, one_per: label.region}
                - {name: eu, select: region=eu}
                - {name: others, select: "!region"}
                - {name: us, select: region=us}
            """#,
            tells: #"""
                fleet.yaml:6:14: warning: wave `eu` selects nothing: earlier waves take all instances that it selects
                    hint: change what it selects, or remove it
                fleet.yaml:8:14: error: wave `us` selects nothing: no instance has the label region=us
                    hint: available: eu
                """#
        ),
        ProblemCase(
            "a label that nobody has",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {region: eu}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: kinds, one_per: label.regoin}
                - {name: nobody, one_per: cohort, select: ring=nosuch}
                - {name: rest}
            """#,
            tells: #"""
                fleet.yaml:5:30: error: no instance has a label `regoin`
                    hint: did you mean `region`?
                fleet.yaml:6:14: error: wave `nobody` selects nothing: no instance has a label `ring`
                    hint: available: region
                """#
        ),
        ProblemCase(
            "one per label leaves some to nobody",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {region: eu}}, {name: b, dbname: b}, {name: c, dbname: c}, {name: d, dbname: d}]
            rollout: {waves: [{name: canary, one_per: label.region}]}
            """#,
            tells: #"""
                fleet.yaml:2:86: warning: no wave selects `c` and 1 more: left pending
                    hint: a last wave without `select` takes the rest
                """#
        ),
        ProblemCase(
            "what is certain although cohorts are known only in a run",
            #"""
            version: 1
            instances: [{name: a, dbname: a, labels: {ring: canary}}, {name: b, dbname: b}, {name: c, dbname: c}]
            rollout:
              waves:
                - {name: one, names: [a]}
                - {name: kinds, one_per: cohort, select: "!ring"}
                - {name: nobody, select: ring=nosuch}
                - {name: again, select: ring}
                - {name: who, names: [bb]}
            """#,
            tells: #"""
                fleet.yaml:7:14: error: wave `nobody` selects nothing: no instance has the label ring=nosuch
                    hint: available: canary
                fleet.yaml:8:14: error: wave `again` selects nothing: earlier waves take all instances that it selects
                    hint: change what it selects, or remove it
                fleet.yaml:9:27: error: unknown instance `bb`
                    hint: available: `a`, `b`, `c`
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
                fleet.yaml:5:14: error: unknown server
                    t
                    hint: available: `s`
                fleet.yaml:6:5: error: a `discover` entry has no `server`
                    hint: write for example {server: eu-1, databases: "teslamate_*"}
                fleet.yaml:6:26: error: unknown placeholder {databse}
                    {databse}
                    hint: available: {database}, {server}
                fleet.yaml:7:5: error: a `discover` entry has no `databases`
                    hint: write for example {server: eu-1, databases: "teslamate_*"}
                fleet.yaml:7:23: error: every database found would get the same name
                    same
                    hint: add {database} to it
                fleet.yaml:8:37: error: `name` does not make a valid name
                    a b {database}
                    hint: around {database}, use only ASCII letters, digits, “.”, “_” and “-”
                fleet.yaml:8:55: error: a `discover` entry has no key `url`
                fleet.yaml:9:37: error: `name` must be a single value, not a mapping
                    hint: text that begins with { needs quotes
                """#
        ),
    ]
}
